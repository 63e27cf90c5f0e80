"""What a marked test is to be run with: one frozen value, made from defaults, ini, command line and marker.

Each argument is described once, in ``ARGUMENTS``: how a value is checked, how text is read, and what is allowed, in
words for the error message. Nothing here knows where a value comes from; callers say so when they report an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from pytest_racecheck.strategy import CHOICES as STRATEGIES
from pytest_racecheck.strategy import is_name as is_strategy

MODELS: Final = ("python", "gil")

#: What a detector finds beside the test's own checks, and what can be made to fail a test.
FINDINGS: Final = ("data-race", "lock-order", "leak")


class SettingsError(ValueError):
    """An argument that can't be used. The text names the argument, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the engine has to know about how to explore one test.

    ``timeout`` is in real seconds for one interleaving; ``max_points`` limits the scheduling points of one
    interleaving, ``shrink`` the real seconds for making a failing schedule simpler. ``sleep_scale`` makes the test's
    own sleeps longer or shorter under stress. ``threads``: run the test body
    itself in so many threads at once. ``include`` and ``exclude`` hold module name prefixes or path patterns.
    ``replay`` is the token of the one schedule to run, instead of a search. ``fail_on``: what of `FINDINGS` makes the
    test fail; ``suppressions``: those that don't count, as ``kind:pattern``. ``watch``: somebody wants to know all that
    the detectors can find, whatever that takes. ``unasked``: the test has no marker; if it starts no second thread, it
    is run once.
    """

    interleavings: int = 200
    strategy: str = "auto"
    seed: int = 0
    replay: str | None = None
    timeout: float = 10.0
    threads: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    model: str = "python"
    max_points: int = 1_000_000
    shrink: float = 1.5
    sleep_scale: float = 1.0
    fail_on: tuple[str, ...] = ()
    suppressions: tuple[str, ...] = ()
    watch: bool = False
    unasked: bool = False


class Argument(NamedTuple):
    """One argument: ``read`` makes a value of text, ``check`` returns a value ready for use or raises ValueError."""

    allowed: str
    check: Callable[[Any], object]
    read: Callable[[str], object]


def _whole(value: object, least: int | None = None) -> int:
    if type(value) is not int or (least is not None and value < least):
        raise ValueError
    return value


def _count(value: object) -> int:
    return _whole(value, 1)


def _threads(value: object) -> int:
    if _count(value) > MOST_THREADS:
        raise ValueError
    return _count(value)


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not 0 < float(value) < math.inf:  # type: ignore[arg-type]
        raise ValueError
    return float(value)  # type: ignore[arg-type]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _one_of(*names: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return check


def _strategy(value: object) -> str:
    if not isinstance(value, str) or not is_strategy(value):
        raise ValueError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value),)
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(_text(entry) for entry in value)


def _findings(value: object) -> tuple[str, ...]:
    names = [name.strip() for text in _texts(value) for name in text.split(",") if name.strip()]
    if not set(names) <= set(FINDINGS):
        raise ValueError
    return tuple(dict.fromkeys(names))


def _suppressions(value: object) -> tuple[str, ...]:
    lines = _texts(value)
    for line in lines:
        kind, _, pattern = line.partition(":")
        if kind not in FINDINGS or not pattern.strip():
            raise ValueError
    return lines


#: Each of them is a thread of the system, in every interleaving.
MOST_THREADS: Final = 1_000

_COUNT: Final = "a whole number from 1 up"
_SCOPE: Final = "a module name prefix or a path pattern, or a list of them"

ARGUMENTS: Final[Mapping[str, Argument]] = {
    "interleavings": Argument(_COUNT, _count, int),
    "strategy": Argument(f"one of {', '.join(STRATEGIES)} (pct:5: of depth 5)", _strategy, str),
    "seed": Argument("a whole number", _whole, int),
    "replay": Argument("the token that a failure report printed, or the path of a file that holds it", _text, str),
    "timeout": Argument("a number of seconds above 0", _seconds, float),
    "threads": Argument(f"a whole number from 1 to {MOST_THREADS}", _threads, int),
    "include": Argument(_SCOPE, _texts, str),
    "exclude": Argument(_SCOPE, _texts, str),
    "model": Argument(f"one of {', '.join(MODELS)}", _one_of(*MODELS), str),
    "max_points": Argument(_COUNT, _count, int),
    "shrink": Argument("a number of seconds above 0", _seconds, float),
    "sleep_scale": Argument("a number above 0", _seconds, float),
    "fail_on": Argument(f"any of {', '.join(FINDINGS)}, separated by commas or as a list", _findings, str),
    "suppressions": Argument(f"kind:pattern, where kind is one of {', '.join(FINDINGS)}", _suppressions, str),
}

#: The arguments of ``@pytest.mark.race``, in the order in which they are shown.
MARKER_ARGUMENTS: Final = (
    *("interleavings", "strategy", "seed", "timeout", "threads", "include", "exclude", "model", "fail_on"),
)


def checked(name: str, value: object, shown_as: str | None = None) -> Any:
    """The value of the argument ``name``, ready for use; SettingsError when it is not allowed.

    ``shown_as`` is how the user wrote the name ("--interleavings"), for the message.
    """
    argument = ARGUMENTS[name]
    try:
        return argument.check(value)
    except ValueError:
        raise SettingsError(f"{shown_as or name}: {value!r} is not allowed; give {argument.allowed}") from None


def read(name: str, text: str, shown_as: str | None = None) -> Any:
    """Like ``checked``, for a value that arrives as text: from the command line or an ini file."""
    try:
        value = ARGUMENTS[name].read(text)
    except ValueError:
        value = text  # its check fails, with the message that names it
    return checked(name, value, shown_as)


def with_marker(base: Settings, positional: tuple[object, ...], named: Mapping[str, object]) -> Settings:
    """``base`` changed by the arguments of one marker; SettingsError for any that can't be used."""
    allowed = ", ".join(MARKER_ARGUMENTS)
    if positional:
        raise SettingsError(f"positional argument {positional[0]!r} is not allowed; name it, as one of {allowed}")
    unknown = [name for name in named if name not in MARKER_ARGUMENTS]
    if unknown:
        raise SettingsError(f"unknown argument {unknown[0]}={named[unknown[0]]!r}; allowed are {allowed}")
    return replace(base, **{name: checked(name, value) for name, value in named.items()})
