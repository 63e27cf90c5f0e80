"""What ``@pytest.mark.gil`` asks for, and whether a measurement meets it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.gil.model import VERDICTS

if TYPE_CHECKING:
    from pytest_racecheck.gil.model import Measurement


class LimitsError(ValueError):
    """An argument that can't be used. The text names the argument, its value and what is allowed."""


@dataclass(frozen=True)
class Limits:
    """``min_speedup``: serial by threaded time, at least; ``max_slowdown``: threaded by serial time, at most."""

    min_speedup: float | None = None
    max_slowdown: float | None = None
    verdict: str | None = None

    def missed(self, m: Measurement) -> list[str]:
        """What was asked for and is not so, in words; empty if all is well."""
        found = []
        if self.verdict is not None and m.verdict != self.verdict:
            found.append(f"verdict {m.verdict} instead of {self.verdict}")
        if m.speedup is None:
            asked = {"min_speedup": self.min_speedup, "max_slowdown": self.max_slowdown}
            return found + [f"{name}={value:g} can't be told" for name, value in asked.items() if value is not None]
        if self.min_speedup is not None and m.speedup < self.min_speedup:
            found.append(f"speed-up {m.speedup:.2f}, at least {self.min_speedup:g} wanted")
        if self.max_slowdown is not None and m.speedup * self.max_slowdown < 1:
            found.append(f"{1 / m.speedup:.2f} times the serial time, at most {self.max_slowdown:g} wanted")
        return found


def undecided(m: Measurement) -> bool:
    """Whether the machine, and not the test, is why a limit was missed."""
    return m.verdict == "starved of CPU" or m.detail == "runs differ" or m.disturbed


_ALLOWED: Final = {
    "min_speedup": "a number above 0",
    "max_slowdown": "a number above 0",
    "verdict": f"one of {', '.join(VERDICTS)}",
}


def with_marker(base: Limits, positional: tuple[object, ...], named: Mapping[str, Any]) -> Limits:
    """``base`` changed by the arguments of one marker; LimitsError for any that can't be used."""
    names = ", ".join(_ALLOWED)
    if positional:
        raise LimitsError(f"positional argument {positional[0]!r} is not allowed; name it, as one of {names}")
    for name, value in named.items():
        if name not in _ALLOWED:
            raise LimitsError(f"unknown argument {name}={value!r}; allowed are {names}")
        if not _CHECKS[name](value):
            raise LimitsError(f"{name}: {value!r} is not allowed; give {_ALLOWED[name]}")
    return replace(base, **named)


def _is_factor(value: object) -> bool:
    return type(value) in (int, float) and 0 < float(value) < math.inf  # type: ignore[arg-type]


_CHECKS: Final[dict[str, Callable[[object], bool]]] = {
    "min_speedup": _is_factor,
    "max_slowdown": _is_factor,
    "verdict": lambda value: value in VERDICTS,
}
