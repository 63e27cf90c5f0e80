"""Replay: follows a schedule that was seen before."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.engine.recorder import Recording
    from pytest_racecheck.engine.schedule import Choice, Deviation, Mark, MarkedDeviation, Schedule
    from pytest_racecheck.engine.thread import ControlledThread, Ready


class Replay:
    """Deviates from the serial schedule exactly where a schedule of this process says so; it counts operations.

    ``forced``: the operations, each with its thread, at which a thread gave way, whatever the schedule says.
    """

    observer = None
    exhaustive = None

    def __init__(self, schedule: Schedule) -> None:
        self._deviations: dict[object, str] = {(path, ops): target for path, ops, target in schedule}
        self.forced: set[tuple[str, int]] = set()

    def key(self, thread: ControlledThread) -> object:
        """What the schedule calls the operation that ``thread`` is at."""
        return thread.path, thread.ops

    def begin(self) -> None:
        """Nothing to prepare."""

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """What the schedule says about this operation of this thread, else what the serial schedule says."""
        target = self._deviations.get(self.key(last))
        if target is not None:
            for thread in ready:
                if thread.path == target:
                    return thread
            self.missing(last)
        return last if last.slot >= 0 else min(ready, key=_index)

    def missing(self, thread: ControlledThread) -> None:
        """The thread that was to go on at this operation of ``thread`` can't: nothing to note."""

    def naps(self, thread: ControlledThread) -> bool:
        """Unless the schedule says who goes on instead."""
        return self.key(thread) not in self._deviations

    def gave_way(self, thread: ControlledThread) -> None:
        """Takes note of it."""
        self.forced.add((thread.path, thread.ops))

    def end(self, points: int) -> None:
        """Nothing to learn."""


class LateReplay(Replay):
    """Deviates where a schedule says so, or as soon after that as the thread comes to a choice."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(())
        self._waiting: dict[str, deque[tuple[int, str]]] = defaultdict(deque)
        for path, ops, target in sorted(schedule, key=itemgetter(1)):
            self._waiting[path].append((ops, target))

    def key(self, thread: ControlledThread) -> object:
        """The operation, once the first deviation that the thread has left is due."""
        waiting = self._waiting[thread.path]
        key = super().key(thread)
        if waiting and waiting[0][0] <= thread.ops and key not in self._deviations:
            self._deviations[key] = waiting.popleft()[1]
        return key


class Tracking(Replay):
    """A replay that notes the choices it passed: where, whether staying was possible, and who else could go on.

    ``switches`` are those it saw, chosen or not.
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self.choices: list[Choice] = []
        self.switches: list[Deviation] = []
        self._running: ControlledThread | None = None

    def choose(self, ready: Ready, last: ControlledThread, can_go_on: bool) -> ControlledThread:
        """As any replay."""
        chosen = super().choose(ready, last, can_go_on)
        running = self._running
        if running is not None and running is not last:  # where only one could go on, there was no choice
            self.switches.append((running.path, running.ops, last.path))
        if chosen is not last:
            self.switches.append((last.path, last.ops, chosen.path))
        self._running = chosen
        others = tuple(sorted(thread.path for thread in ready if thread is not last))
        self.choices.append((last.path, last.ops, can_go_on, others))
        return chosen

    def naps(self, thread: ControlledThread) -> bool:
        """A sleep that is no reason to switch is a choice as well: of anybody else."""
        stays = super().naps(thread)
        if stays:
            others = tuple(sorted(each.path for each in thread.scheduler.ready if each is not thread))
            self.choices.append((thread.path, thread.ops, False, others))
        return stays


class TokenReplay(Replay):
    """Follows a token. ``recording`` is that of the run itself, which knows the marks of its operations.

    ``left`` says where the track was left: the first deviation that could not be made.
    """

    def __init__(self, deviations: Sequence[MarkedDeviation], recording: Recording) -> None:
        super().__init__(())
        self._deviations.update(deviations)
        self._recording = recording
        self.unused = dict(deviations)
        self.left: Mark | None = None

    def key(self, thread: ControlledThread) -> Mark:
        """The mark of the operation."""
        mark = self._recording.mark(thread)
        self.unused.pop(mark, None)
        return mark

    def gave_way(self, thread: ControlledThread) -> None:
        """As it did in the run that the token is of, which names that switch as well."""
        super().gave_way(thread)
        self.key(thread)

    def missing(self, thread: ControlledThread) -> None:
        """Remembers the first."""
        if self.left is None:
            self.left = self._recording.mark(thread)


def _index(thread: ControlledThread) -> int:
    return thread.index
