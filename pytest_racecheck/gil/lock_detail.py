"""Which locks threads wait for: their names, the lines that hold them, the lines that want them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.naming import name_of
from pytest_racecheck.detect.stacks import InnermostFrames, user_frames
from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.gil.watched import Watched

#: At most one look at the other threads in so many nanoseconds: it takes some ten microseconds.
_EVERY: Final = 1_000_000
#: Names cost ten milliseconds each.
_MAX_NAMES: Final = 3

Line = tuple[str, int]


class LockDetail:
    """Collects, in a run whose times are not used."""

    def __init__(self) -> None:
        self._names: dict[object, str] = {}
        self._held_at: dict[object, Counter[Line]] = {}
        self._wanted_at: dict[object, Counter[Line]] = {}
        self._last = 0

    def blocked(self, lock: object, frame: FrameType | None, others: list[Watched]) -> None:
        """The calling thread is about to wait for ``lock``, in ``frame``; ``others`` are those that don't wait."""
        now = real.monotonic_ns()
        if now - self._last < _EVERY:
            return
        self._last = now
        with InnermostFrames() as frames:
            if lock not in self._names and len(self._names) < _MAX_NAMES:
                self._names[lock] = name_of(lock, [frame, *(frames.get(each.ident) for each in others)])
            _count(self._wanted_at.setdefault(lock, Counter()), frame)
            if len(others) == 1:  # with several, it can't be told who holds it
                _count(self._held_at.setdefault(lock, Counter()), frames.get(others[0].ident))

    def of(self, lock: object) -> tuple[str, list[Line]]:
        """The lock's name ("" if unknown), and the lines that hold it, the most frequent first.

        Where no thread was seen to hold it, the lines that take it.
        """
        lines = self._held_at.get(lock) or self._wanted_at.get(lock) or Counter()
        return self._names.get(lock, ""), [line for line, _ in lines.most_common(3)]


def _count(lines: Counter[Line], frame: FrameType | None) -> None:
    frames = user_frames(frame)
    if frames:
        lines[frames[0].f_code.co_filename, frames[0].f_lineno] += 1
