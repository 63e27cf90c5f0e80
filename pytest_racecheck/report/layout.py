"""What all parts of a section share: the terminal's width and symbols, and how text is fitted into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_racecheck.report.styled import Line, fit, line
from pytest_racecheck.report.terminal import Symbols, clean, clip, place, wrap

_SOURCE_SHOWN: Final = 60
_VALUE_SHOWN: Final = 30
_FOR_FILE: Final = 30  # of a line that names a place, in cells; more where the terminal is wide
_BESIDE_FILE: Final = 30


@dataclass(frozen=True)
class Layout:
    """``verbose`` is pytest's ``-v`` count, ``width`` in cells."""

    width: int
    verbose: int
    symbols: Symbols
    colour: bool = False

    def paragraph(self, text: str, style: str = "", indent: str = "  ") -> list[Line]:
        """A clean text in as many lines as it takes."""
        dots = self.symbols.dots
        return [line(clip(each, self.width, dots), style) for each in wrap(text, self.width, indent)]

    def fitted(self, parts: Line) -> Line:
        """A line, cut where the terminal ends."""
        return fit(parts, self.width, self.symbols.dots)

    def place(self, file: str, number: int) -> str:
        """``file:line``."""
        return place(file, number, max(_FOR_FILE, self.width - _BESIDE_FILE), self.symbols.dots)

    def source(self, text: str) -> str:
        """A piece of source."""
        return clip(clean(text), _SOURCE_SHOWN, self.symbols.dots)

    def value(self, text: str) -> str:
        """A value within a sentence."""
        return clip(clean(text), _VALUE_SHOWN, self.symbols.dots)
