"""A failure, once found: the simplest schedule that leads to it, whether it can be repeated, and under the GIL, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_racecheck import strategy
from pytest_racecheck.engine import real, under_gil
from pytest_racecheck.engine.divergence import first_difference
from pytest_racecheck.engine.operation import MEMORY
from pytest_racecheck.engine.points import FUTILE
from pytest_racecheck.engine.recorder import Recording
from pytest_racecheck.engine.result import turning_points_of
from pytest_racecheck.shrink.minimise import Attempts, Candidate, minimise, remove
from pytest_racecheck.shrink.rearrange import with_switch_after
from pytest_racecheck.strategy.replay import LateReplay, Replay, TokenReplay, Tracking

if TYPE_CHECKING:
    from pytest_racecheck.engine.books import Search
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.runner import Runner
    from pytest_racecheck.engine.schedule import Deviation, MarkedDeviation, Schedule
    from pytest_racecheck.report.model import UnderGil
    from pytest_racecheck.settings import Settings
    from pytest_racecheck.strategy.base import Strategy

#: A failure is replayed so often before it is reported.
REPLAYS: Final = 10

#: What counts as going on for ever in replays of what does: it need not go on for long again.
FUTILE_AGAIN: Final = FUTILE // 10

#: So many other schedules, for so many real seconds, of a test that fails in the serial one.
ORDERS: Final = 30
SECONDS_FOR_OTHER_ORDERS: Final = 1.0

#: So often a simpler schedule has to fail, where runs differ.
_IN_A_ROW: Final = 3

#: Real seconds for finding a failure again that other processes have a part in, so that it can be repeated.
SECONDS_TO_FIND_AGAIN: Final = 10.0

#: The same where runs of one schedule differ although no world outside has a part in them.
SECONDS_TO_FIND_BY_PLACES: Final = 3.0

#: So often then: of many schedules, one fails ten times by luck.
_TRIES_BY_PLACES: Final = 4


class Confirmation:
    """Of one item. ``run`` carries out an interleaving that the function which it is given begins.

    ``under_gil``: whether the failure can strike there, once it is confirmed.
    """

    def __init__(self, settings: Settings, seed: int, runner: Runner, run: Callable[[Callable[[], None]], Run]) -> None:
        self._settings = settings
        self._seed = seed
        self._runner = runner
        self._run = run
        self._futile = FUTILE
        self.under_gil: UnderGil = "unknown"

    def confirm(self, search: Search, failed: Run, passing: Schedule | None) -> Run:
        """Replays a failure and notes in ``search`` how often it came again. Returns the last replay, recorded.

        That one stays set up. ``passing``: a schedule under which the test is known to have passed.
        """
        schedule = self._simplest(failed)
        if schedule == passing:
            search.survives = True
            search.reproduced = (0, REPLAYS)
            one, two = (self.replay(Replay(schedule), Recording()).recording for _ in range(2))
            search.divergence = first_difference(one, two)
            return failed
        replays = [self.replay(Replay(schedule)) for _ in range(REPLAYS - 1)]
        same = sum(each.same_failure(failed) for each in replays)
        if not same and failed.uncontrolled:
            found = self._by_marks(search, failed, SECONDS_TO_FIND_AGAIN)
            if found is not None:
                return found
        diverges = not all(each.failed for each in replays) and not failed.uncontrolled
        if diverges and self._fails_by_now(schedule, failed):
            diverges, same = False, REPLAYS - 1
        elif diverges and failed.kind == "failed":
            # Libraries that keep something do less from run to run: the same places, after fewer operations.
            found = self._by_marks(search, failed, SECONDS_TO_FIND_BY_PLACES, _TRIES_BY_PLACES)
            if found is not None and search.reproduced == (REPLAYS, REPLAYS) and self._passes_serially():
                return found
        if not diverges:
            self.under_gil = self._search_under_gil(failed, schedule)
        recorded = self.recorded(Replay(schedule), failed)
        same += recorded.same_failure(failed)
        search.reproduced = (same, REPLAYS)
        search.diverges = failed.kind == "failed" and (diverges or not same)
        if search.diverges:
            return self._told_apart(search, schedule, failed, recorded) or failed
        return recorded if recorded.same_failure(failed) else failed

    def _fails_by_now(self, schedule: Schedule, failed: Run) -> bool:
        """Whether the schedule always leads to the failure: what it could switch at was not all known at first."""
        return all(self.replay(Replay(schedule), Recording()).same_failure(failed) for _ in range(REPLAYS - 1))

    def _passes_serially(self) -> bool:
        return not any(self.replay(Replay(())).failed for _ in range(REPLAYS))

    def _told_apart(self, search: Search, schedule: Schedule, failed: Run, recorded: Run) -> Run | None:
        """Looks for two runs of one schedule that differ, and notes where. Returns one that fails as ``failed`` did."""

        def find(fails: bool) -> Run | None:
            runs = (self.replay(Replay(schedule), Recording()) for _ in range(REPLAYS))
            return next((run for run in runs if run.same_failure(failed) is fails), None)

        passing = find(fails=False)
        failing = find(fails=True) if search.reproduced[0] else None  # comes last: it stays set up
        if passing is not None:
            search.divergence = first_difference((failing or recorded).recording, passing.recording)
        return failing

    def recorded(self, chosen: Strategy, failed: Run) -> Run:
        """Runs once more what led to a failure, to record it."""
        if failed.kind == "livelock":
            self._futile = FUTILE_AGAIN
        return self._begun(chosen, Recording(brief=failed.kind == "livelock"))

    def replay_late(self, failed: Run) -> Run | None:
        """Fails as ``failed`` did, which switched at accesses that are no choices otherwise, with switches that are.

        None if that can't be, or comes to pass by luck alone: where the world outside has a part, runs differ.
        """
        if failed.kind == "hang":
            return failed
        if not failed.failed or failed.uncontrolled:
            return None
        run = self.replay(LateReplay(failed.schedule))
        return run if run.same_failure(failed) else None

    def passes_in_another_order(self, search: Search, failed: Run) -> bool:
        """Whether a test that fails in the serial schedule passes in others, so that it is a race who comes first.

        A failure that does not come again in the serial schedule, or a test that passes only now and then, is none.
        """
        if failed.kind != "failed" or failed.threads < 2 or not isinstance(failed.error, Exception):
            return False
        # Of what the serial schedule did not come to, nothing is known: each access may be the one that matters.
        self._runner.every_access_counts()
        try:
            return self._passes_in_another_order(search, failed)
        finally:
            self._runner.every_access_counts(False)

    def _passes_in_another_order(self, search: Search, failed: Run) -> bool:
        deadline = real.monotonic() + SECONDS_FOR_OTHER_ORDERS
        strategies = [strategy.create(name, Random(self._seed), ORDERS) for name in ("pct", "random")]
        for number in range(ORDERS):
            run = self._begun(strategies[number % 2], None)
            if not run.failed and failed.uncontrolled:
                # Where the world outside has a part, no schedule can be repeated; but the serial one fails again.
                search.reproduced = (int(self.replay(Replay(())).same_failure(failed)), 1)
                return bool(search.reproduced[0])
            if not run.failed:
                replays = [Replay(schedule) for schedule in ((), run.schedule) * 2]
                outcomes = [self.replay(each).same_failure(failed) for each in replays]
                if outcomes != [True, False] * 2:
                    return False
                search.reproduced = (2, 2)
                return True
            if real.monotonic() > deadline:
                break
        return False

    def in_threads_of_its_own(self, failed: Run) -> Run | None:
        """A run that passes, if the failure comes only where threads of the system are used again; None otherwise.

        That is no fault of the test. They are not used again any longer then.
        """
        carriers = self._runner.carriers
        if not carriers.are_there or failed.kind == "hang":
            return None
        schedule = Replay(failed.schedule)
        carriers.are_used = False
        alone = self.replay(schedule)
        carriers.are_used = True
        if alone.same_failure(failed) or not all(self.replay(schedule).same_failure(failed) for _ in range(_IN_A_ROW)):
            return None
        carriers.abolish()
        run = self.replay(schedule)
        return None if run.failed else run

    def replay(self, chosen: Replay, recording: Recording | None = None) -> Run:
        """Runs one schedule."""
        return self._begun(chosen, recording)

    def _begun(self, chosen: Strategy, recording: Recording | None) -> Run:
        def begin() -> None:
            self._runner.use_model(self._settings.model)
            self._runner.begin(chosen, patient=True, recording=recording, futile=self._futile)

        return self._run(begin)

    def _simplest(self, failed: Run) -> Schedule:
        if failed.kind in ("livelock", "deadlock"):  # a deadlock beside which daemons go on takes as long to tell
            self._futile = FUTILE_AGAIN
            if self.replay(Replay(failed.schedule)).same_failure(failed):
                return self._simplest_that_lasts(failed)
            self._futile = FUTILE
        return self._minimised(failed)

    def _simplest_that_lasts(self, failed: Run) -> Schedule:
        schedule = self._minimised(failed)
        self._futile = FUTILE
        lasts = schedule == failed.schedule or self.replay(Replay(schedule)).same_failure(failed)
        self._futile = FUTILE_AGAIN
        return schedule if lasts else failed.schedule

    def _minimised(self, failed: Run) -> Schedule:
        """The simplest schedule that fails as ``failed`` did; its own if that can't be made to fail again."""

        def attempt(schedule: Schedule) -> Candidate[Deviation]:
            tracking = Tracking(schedule)
            again = self.replay(tracking)
            return Candidate(
                again.schedule,
                again.preemptions,
                tuple(tracking.choices),
                tuple(tracking.switches),
                fails=again.same_failure(failed),
                forced=len(tracking.forced.intersection(each[:2] for each in again.schedule)),
            )

        first = attempt(failed.schedule)
        if not first.fails:
            return failed.schedule
        attempts = Attempts(attempt, self._settings.shrink)
        return self._most_telling(minimise(first, attempts), attempts, failed).schedule

    def _most_telling(
        self, best: Candidate[Deviation], attempts: Attempts[Deviation], failed: Run
    ) -> Candidate[Deviation]:
        """With its switch right after what made it matter, if it fails in the same way then, and there is time."""
        if failed.kind != "failed" or not best.preemptions or attempts.over:
            return best
        recording = Recording(named=False)
        again = self.replay(Replay(best.schedule), recording)
        for path, ops in turning_points_of(again, recording) if again.same_failure(failed) else []:
            schedule = with_switch_after(best.schedule, best.choices, path, ops)
            found = None if schedule is None else attempts.run(schedule)
            if found is not None and found.fails and found.cost <= best.cost:
                return found
        return best

    # ------------------------------------------------------------------ where the world outside has a part

    def _by_marks(self, search: Search, failed: Run, seconds: float, tries: int | None = None) -> Run | None:
        """Finds the failure again in runs that are recorded, and replays it by what its operations do.

        How many operations a thread needs to talk to another process is for that process to decide. So a schedule that
        counts them can't be repeated; one that names the place of each switch can. None if that does not help either.
        """
        self._runner.every_access_counts()
        try:
            best: Run | None = None
            for found in islice(self._found_again(failed, seconds), tries):
                schedule = self._reduced(failed, found)
                replays = [self._follow(schedule) for _ in range(REPLAYS)]
                same = [each for each in replays if each.same_failure(failed)]
                if len(same) > (search.reproduced[0] if best else 0):
                    best = replays[-1] if replays[-1] in same else same[-1]
                    search.reproduced = (len(same), REPLAYS)
                if len(same) == REPLAYS:
                    break  # others may come to switches of this one in some runs only
            return best
        finally:
            self._runner.every_access_counts(False)

    def _reduced(self, failed: Run, found: Run) -> tuple[MarkedDeviation, ...]:
        def attempt(schedule: tuple[MarkedDeviation, ...]) -> Candidate[MarkedDeviation]:
            for _ in range(_IN_A_ROW):
                again = self._follow(schedule)
                if not again.same_failure(failed):
                    return Candidate(schedule, again.preemptions, fails=False)
            return Candidate(schedule, again.preemptions)

        attempts = Attempts(attempt, self._settings.shrink)
        # Mostly one switch is enough, between two accesses to memory; the others come from waiting for the world. To
        # whom may depend on those: a thread can't go on before it is started.
        threads = sorted({mark[0] for mark, _ in found.marked} | {target for _, target in found.marked})
        for mark, target in sorted(found.marked, key=lambda deviation: deviation[0][1] not in MEMORY):
            for other in (target, *(each for each in threads if each not in (mark[0], target))):
                single = attempts.run(((mark, other),))
                if single is not None and single.fails:
                    return ((mark, other),)
        return remove(Candidate(found.marked, found.preemptions), attempts).schedule

    def _found_again(self, failed: Run, seconds: float) -> Iterator[Run]:
        deadline = real.monotonic() + seconds
        random = Random(self._seed)
        # Neither has to watch the run. The fewer switches a schedule has, the less there is to leave out of it.
        pct, walk = (strategy.create(name, random, REPLAYS) for name in ("pct", "random"))
        choices = [pct, pct, pct, walk]
        while real.monotonic() < deadline:
            for chosen in choices:
                run = self._begun(chosen, Recording())
                if run.same_failure(failed):
                    yield run

    def _follow(self, schedule: tuple[MarkedDeviation, ...]) -> Run:
        recording = Recording()
        return self._begun(TokenReplay(schedule, recording), recording)

    # ------------------------------------------------------------------ under the GIL

    def _search_under_gil(self, failed: Run, schedule: Schedule) -> UnderGil:
        """Whether the failure can strike on a build with a GIL, too."""
        if self._settings.model == "gil":
            return "reachable"

        def run_one(chosen: Strategy) -> Run:
            def begin() -> None:
                self._runner.use_model("gil")
                self._runner.begin(chosen, patient=True, audited=True, futile=self._futile)

            return self._run(begin)

        searching = strategy.create("auto", Random(self._seed), under_gil.RUNS // 2)
        return under_gil.search_under_gil(failed, run_one, searching, schedule)
