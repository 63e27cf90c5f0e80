"""Text for a terminal: made harmless, measured in cells, with symbols that its encoding has."""

from __future__ import annotations

import functools
import re
import shlex
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure

# Categories that move the cursor, hide or reorder text: control, format (bidi overrides too), surrogates, separators.
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_LIBRARY: Final = re.compile(r"site-packages|dist-packages|python\d.*")


@dataclass(frozen=True, slots=True)
class Symbols:
    """What the reports draw with."""

    arrow: str
    turn: str
    dots: str
    bar: str
    cross: str
    mark: str = "^"


UNICODE: Final = Symbols(arrow="→", turn="↳", dots="…", bar="│", cross="┼")
ASCII: Final = Symbols(arrow="->", turn="\\_", dots="...", bar="|", cross="+")


def symbols_for(encoding: str) -> Symbols:
    """The symbols that a text in this encoding can hold; plain ASCII ones when the encoding is unknown."""
    try:
        f"{UNICODE.arrow}{UNICODE.turn}{UNICODE.dots}{UNICODE.bar}{UNICODE.cross}".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def encodable(text: str, encoding: str) -> str:
    """The text with everything that the encoding lacks written as an escape sequence of Python's."""
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode("ascii")


def clean(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would obey: control characters become escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _HARMFUL else c for c in text.replace("\t", " "))


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def first_line(text: str) -> str:
    """The first line that is not blank, made harmless."""
    return next((clean(line.strip()) for line in text.splitlines() if line.strip()), "")


def short_function(name: str) -> str:
    """The name of a function without that of the function around it."""
    return name.rpartition("<locals>.")[2]


def cells(text: str) -> int:
    """How many columns of a terminal a clean text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(c) for c in text)


@functools.lru_cache(maxsize=1024)
def _cells_of(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def clip(text: str, width: int, dots: str) -> str:
    """A clean text in at most ``width`` cells; ``dots`` stand for what was cut off."""
    if cells(text) <= width:
        return text
    room = width - len(dots)
    if room <= 0:
        return dots[: max(width, 0)]
    kept = []
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + dots


def pad(text: str, width: int) -> str:
    """A clean text filled up with blanks to ``width`` cells."""
    return text + " " * (width - cells(text))


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """A clean text in lines of at most ``width`` cells, as far as the length of its words allows that.

    Blanks at its beginning stay; ``indent`` begins the lines after the first.
    """
    words = text.split()
    line = text[: len(text) - len(text.lstrip())] + "".join(words[:1])
    lines = []
    for word in words[1:]:
        if cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line = indent + word
        else:
            line += " " + word
    return [*lines, line]


def place(file: str, line: int, room: int, dots: str) -> str:
    """``file:line`` with at most ``room`` cells for the file, cut at its front.

    The file is relative to the current directory, or to the place where libraries are, if it lies below one of these.
    """
    parts = clean(_relative(file).as_posix()).split("/")
    libraries = [n for n, part in enumerate(parts) if _LIBRARY.fullmatch(part)]
    kept = parts[libraries[-1] :] if libraries else parts
    while len(kept) > 1 and cells("/".join([dots, *kept])) > room:
        kept = kept[1:]
    text = "/".join(kept if kept == parts else [dots, *kept])
    return f"{clip(text, room, dots)}:{line}"


def _relative(file: str) -> PurePath:
    path = PurePath(file)
    try:
        here = Path.cwd()
    except OSError:  # it was removed meanwhile
        return path
    return path.relative_to(here) if path.is_relative_to(here) else path


def replay_command(nodeid: str, failure: Failure) -> str:
    """What to type in order to see ``failure`` of the test ``nodeid`` again."""
    options = [*failure.replay_options, f"--racecheck-replay={failure.token}"]
    return f"pytest {shlex.quote(clean(nodeid))} {' '.join(map(clean, options))}"
