"""Virtual time: a clock that stands still while threads run and jumps when none can."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

#: Reading the clock moves it by this many nanoseconds: code divides by differences of time stamps, which are never
#: zero on a real clock. A microsecond is the least that ``time.time()`` can show in a float.
TICK: Final = 1_000

#: Deadlines closer than this (in nanoseconds) count as equal: their order is a scheduling choice. Hides the ticks.
TOLERANCE: Final = 200_000


class Origin:
    """What the real clocks showed when an item began; every interleaving of the item starts there again.

    ``outside_seconds``: how long, in real time, threads that nobody controls are given to free what all others wait
    for. Once they let it pass, they get next to nothing: they have nothing to do with the item.
    """

    def __init__(self) -> None:
        self.outside_seconds = 1.0
        self.monotonic = real.monotonic_ns()
        self.perf_counter = real.perf_counter_ns()
        self.time = real.time_ns()


class Clock:
    """The virtual clock of one run, and the timers that wait for it. All times in nanoseconds since the run began."""

    __slots__ = ("_heap", "_sequence", "now", "origin")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.now = 0
        self._heap: list[tuple[int, int, ControlledThread]] = []
        self._sequence = 0

    def add(self, thread: ControlledThread, deadline: int) -> None:
        """Waits until ``deadline``; stale as soon as the thread's own ``deadline`` says something else."""
        self._sequence += 1
        thread.deadline = deadline
        heappush(self._heap, (deadline, self._sequence, thread))

    def expired(self, until: int) -> Iterator[ControlledThread]:
        """Takes the threads whose deadline is at most ``until`` off, earliest first."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            deadline, _, thread = heappop(heap)
            if thread.deadline == deadline:
                thread.deadline = None
                yield thread

    def next(self) -> tuple[ControlledThread, int] | tuple[None, int]:
        """The thread whose deadline is the earliest that still counts, and that deadline; None when there is none."""
        heap = self._heap
        while heap:
            deadline, _, thread = heap[0]
            if thread.deadline == deadline:
                return thread, deadline
            heappop(heap)
        return None, 0

    def next_deadline(self) -> int | None:
        """The earliest deadline that still counts, None when no thread waits for the clock."""
        thread, deadline = self.next()
        return None if thread is None else deadline
