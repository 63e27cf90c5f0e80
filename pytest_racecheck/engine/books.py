"""The books of one exploration: how many interleavings, how many different ones, how fast."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.survivors import Survivor
    from pytest_racecheck.strategy.exhaustive import Exhaustive


class Search:
    """The books of one exploration."""

    def __init__(self, requested: int) -> None:
        self.requested = requested
        self.done = 0
        self.traces: set[int] = set()
        self.threads = 0
        self.cut = 0
        self.uncontrolled: set[str] = set()
        #: In how many interleavings the test skipped itself, by the reason.
        self.skipped: Counter[str] = Counter()
        self.reproduced = (1, 1)
        #: The first interleaving that failed, where it is not the last one of the search.
        self.failed_at: int | None = None
        #: A failure that needs no deviation from the serial schedule, under which the test passed at first.
        self.survives = False
        #: It fails in the serial schedule, and passes in another one.
        self.other_order = False
        #: One schedule leads to runs that fail and to runs that don't, and no world outside has a part in that.
        self.diverges = False
        #: Where two replays of the failure first differed, in words.
        self.divergence = ""
        self.last: Run
        #: The last run showed that more operations are scheduling points than were known before.
        self.learnt = False
        #: What the first run wrote, and no other did: so they all found done what may have been raced for.
        self.survivors: list[Survivor] = []
        #: The search that ran every class of interleavings.
        self.proof: Exhaustive | None = None
        self._known = -1
        self._began = real.monotonic()
        self._ended: float | None = None

    def count(self, run: Run, *, looks: bool = False) -> None:
        """One more interleaving is over. ``looks``: in which more was a choice than in any other, which tells less."""
        self.done += 1
        self.last = run
        self.learnt = run.known != self._known
        if self.learnt:
            # More accesses count than before: the classes seen so far, this run's too, were coarser ones.
            self._known = run.known
            self.traces.clear()
        elif not looks:
            self.traces.add(run.trace)
        self.threads = max(self.threads, run.threads)
        self.cut += run.kind == "limit" and not looks
        self.uncontrolled.update(run.uncontrolled)
        if run.skipped:
            self.skipped[run.skipped] += 1

    @property
    def first_failure(self) -> int:
        """The number of the interleaving that failed, if one did."""
        return self.done - 1 if self.failed_at is None else self.failed_at

    def is_proof(self) -> bool:
        """Whether every inequivalent interleaving was run, and all of what they do is modelled."""
        spoilt = self.cut or self.uncontrolled or self.survivors or self.skipped
        return self.proof is not None and not (self.proof.gaps or spoilt)

    def stop(self) -> None:
        """The search is over; replays and reports don't count."""
        if self._ended is None:
            self._ended = real.monotonic()

    @property
    def seconds(self) -> float:
        """Real seconds of the search so far."""
        return (self._ended or real.monotonic()) - self._began

    @property
    def per_second(self) -> float:
        """Interleavings per real second."""
        return self.done / max(self.seconds, 1e-9)
