"""Whether a failure can strike on a build with a GIL: it is searched again where only such a build switches.

The search is systematic. A schedule is the list of its deviations from the serial one, so running each schedule and
then each of its extensions by one later deviation visits every schedule exactly once, those with few switches first
(iterative context bounding, Musuvathi & Qadeer, PLDI 2007). When nothing is left to extend, every interleaving was run.
Equivalent ones are run as well: what stands in for what is a claim about operations that one can switch between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from pytest_racecheck.engine import real
from pytest_racecheck.strategy.replay import Tracking

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.schedule import Choice, Schedule
    from pytest_racecheck.engine.thread import ControlledThread
    from pytest_racecheck.strategy.base import Strategy

Answer = Literal["reachable", "unreachable", "unknown"]

#: Runs one more interleaving under the `gil` model.
RunOne = Callable[["Strategy"], "Run"]

#: What the search may cost: half of it for the simplest schedules, half for a strategy that goes for bugs.
RUNS: Final = 400
SECONDS: Final = 1.0


def search_under_gil(
    failing: Run,
    run_one: RunOne,
    searching: Strategy,
    first: Schedule = (),
    *,
    runs: int = RUNS,
    seconds: float = SECONDS,
) -> Answer:
    """Searches for ``failing`` again; the schedule ``first`` is tried before all others.

    "reachable" if a run failed in the same way; "unreachable" only if every interleaving was run, under full control,
    and none did. ``searching`` is the strategy for what is left of the budget when there are too many for that.
    """
    search = _Search(failing, run_one)
    if first and search.fails(first):
        return "reachable"
    answer = search.everything(runs // 2, real.monotonic() + seconds / 2)
    deadline = real.monotonic() + seconds / 2
    for _ in range(runs // 2 if answer == "unknown" else 0):
        if real.monotonic() > deadline:
            break
        if run_one(searching).same_failure(failing):
            return "reachable"
    return answer


class _Noting(Tracking):
    """Follows a schedule and notes its choices; not ``certain`` where the run did what no choice decides."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self.certain = True

    def naps(self, thread: ControlledThread) -> bool:
        """A sleep can end at any time on a real clock: not all of that is tried here."""
        self.certain = False
        return super().naps(thread)

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

    def fails(self, schedule: Schedule) -> bool:
        """Runs a schedule and notes its choices."""
        noting = _Noting(schedule)
        run = self._run_one(noting)
        self._choices = noting.choices
        self._learnt = run.known != self._known
        self._known = run.known
        followed = run.failed or run.schedule == schedule
        modelled = not (run.uncontrolled or run.gaps) and run.kind != "limit"
        self._certain = self._certain and noting.certain and followed and modelled
        return run.same_failure(self._failing)

    def everything(self, runs: int, deadline: float) -> Answer:
        """All schedules, the simplest first, as far as the budget goes."""
        self._certain = True
        waiting: deque[Schedule] = deque([()])
        while waiting:
            if runs <= 0 or real.monotonic() > deadline:
                return "unknown"
            runs -= 1
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
