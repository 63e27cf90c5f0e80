"""Whether a failure can strike on a build with a GIL: it is searched again where only such a build switches.

The search is systematic. A schedule is the list of its deviations from the serial one, so running each schedule and
then each of its extensions by one later deviation visits every schedule exactly once, those with few switches first
(iterative context bounding, Musuvathi & Qadeer, PLDI 2007). When nothing is left to extend, every interleaving was run.
Three threads that hardly meet have more of them than can be run; what follows leaves out equivalent ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from pytest_racecheck.engine import real
from pytest_racecheck.strategy.replay import Replay, Tracking

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.schedule import Choice, Schedule
    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.strategy.base import Strategy

Answer = Literal["reachable", "unreachable", "unknown"]

#: Runs one more interleaving under the `gil` model.
RunOne = Callable[["Strategy"], "Run"]

#: What the search may cost, in runs and in scheduling points, to which each run adds some for setting up and tearing
#: down, and for each of its threads: half of it for the simplest schedules, half for a strategy that goes for bugs. So
#: the answer does not depend on how busy the machine is, unless each run takes so long that it comes to so many real
#: seconds.
RUNS: Final = 200
POINTS: Final = 150_000
EACH_RUN: Final = 500
EACH_THREAD: Final = 200
SECONDS: Final = 5.0


def search_under_gil(
    failing: Run,
    run_one: RunOne,
    searching: Strategy,
    first: Schedule = (),
    *,
    runs: int = RUNS,
    points: int = POINTS,
    seconds: float = SECONDS,
) -> Answer:
    """Searches for ``failing`` again; the schedule ``first`` is tried before all others.

    "reachable" if a run failed in the same way; "unreachable" only if every interleaving was run, under full control,
    and none did. ``searching`` is the strategy for what is left of the budget when there are too many for that; where
    it comes to the end of an exhaustive search, that is an answer as well.
    """
    search = _Search(failing, run_one)
    if first and search.fails(first):
        return "reachable"
    search.allow(runs // 2, points // 2, seconds / 2)
    answer = search.everything()
    search.allow(runs // 2, points // 2, seconds / 2)
    while answer == "unknown" and search.may_go_on():
        answer = search.one_of_each(searching)
    return answer


class _Noting(Tracking):
    """Follows a schedule and notes its choices; not ``certain`` where the run did what no choice decides."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self.certain = True

    def naps(self, thread: ControlledThread) -> bool:
        """A sleep can end at any time on a real clock: not all of that is tried here."""
        self.certain = False
        return Replay.naps(self, thread)

    def gave_way(self, thread: ControlledThread) -> None:
        """Fairness chose, not the schedule."""
        self.certain = False


class _Search:
    def __init__(self, failing: Run, run_one: RunOne) -> None:
        self._failing = failing
        self._run_one = run_one
        self._certain = True
        self._known = -1
        self._learnt = False
        self._choices: list[Choice] = []
        self.allow(0, 0, 0.0)

    def allow(self, runs: int, points: int, seconds: float) -> None:
        """What it may cost from here on."""
        self._runs = runs
        self._points = points
        self._deadline = real.monotonic() + seconds

    def may_go_on(self) -> bool:
        """Whether anything is left of that."""
        return self._runs > 0 and self._points > 0 and real.monotonic() < self._deadline

    def spend(self, run: Run) -> None:
        """One more run."""
        self._runs -= 1
        self._points -= run.points + EACH_RUN + EACH_THREAD * run.threads

    def fails(self, schedule: Schedule) -> bool:
        """Runs a schedule and notes its choices."""
        noting = _Noting(schedule)
        run = self._run_one(noting)
        self.spend(run)
        self._choices = noting.choices
        self._learnt = run.known != self._known
        self._known = run.known
        followed = run.failed or run.schedule == schedule
        modelled = not (run.uncontrolled or run.gaps) and run.kind != "limit"
        self._certain = self._certain and noting.certain and followed and modelled
        return run.same_failure(self._failing)

    def everything(self) -> Answer:
        """All schedules, the simplest first, as far as the budget goes."""
        self._certain = True
        waiting: deque[Schedule] = deque([()])
        while waiting:
            if not self.may_go_on():
                return "unknown"
            schedule = waiting.popleft()
            if self.fails(schedule):
                return "reachable"
            if self._learnt:
                # More operations are scheduling points than were known so far: all runs had too few choices.
                waiting = deque([()])
                self._certain = True
                continue
            waiting.extend(_extended(schedule, self._choices))
        return "unreachable" if self._certain else "unknown"

    def one_of_each(self, searching: Strategy) -> Answer:
        """One more run of a strategy that may come to know that every class of equivalent schedules was run."""
        exhaustive = searching.exhaustive
        run = self._run_one(searching)
        self.spend(run)
        if run.same_failure(self._failing):
            return "reachable"
        learnt = run.known != self._known
        self._known = run.known
        if exhaustive is None:
            return "unknown"
        exhaustive.gaps.update(run.gaps)
        if learnt:
            exhaustive.restart()
        # Another failure cuts a run short; and a sleep can end at any time on a real clock: not all of that is tried.
        self._certain = self._certain and not (run.failed or run.uncontrolled or run.napped) and run.kind != "limit"
        proved = exhaustive.finished and self._certain and not exhaustive.gaps
        return "unreachable" if proved else "unknown"


def _extended(schedule: Schedule, choices: list[Choice]) -> list[Schedule]:
    """The schedule with one more deviation, at each choice after its last one."""
    start = 0
    if schedule:
        places = [choice[:2] for choice in choices]
        if schedule[-1][:2] not in places:
            return []
        start = places.index(schedule[-1][:2]) + 1
    return [
        (*schedule, (path, ops, other))
        for path, ops, can_go_on, others in choices[start:]
        for other in (others if can_go_on else _but_first(others))
    ]


def _but_first(others: tuple[str, ...]) -> tuple[str, ...]:
    """Where a thread can't go on, the serial schedule takes the first of the others: that is no deviation."""
    return tuple(each for each in others if each != min(others, key=_age))


def _age(path: str) -> tuple[int, ...]:
    return tuple(int(part) for part in path.split("."))
