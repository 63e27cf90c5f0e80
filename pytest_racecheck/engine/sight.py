"""What is seen of the runs of one item: accesses to memory, and what they do that is not modelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_racecheck import instrument
from pytest_racecheck.engine.memory import Memory
from pytest_racecheck.instrument import outsiders, registry, unseen
from pytest_racecheck.instrument.audit import Audit
from pytest_racecheck.primitives import origin as lock_origin
from pytest_racecheck.primitives.files import FILE_SYSTEM
from pytest_racecheck.primitives.lock import Lock
from pytest_racecheck.primitives.rlock import RLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.engine.observer import Observer
    from pytest_racecheck.engine.survivors import Survivor
    from pytest_racecheck.settings import Settings


class Sight:
    """`prepare`, `open`, then `begin_run` for each interleaving, then `end`; `close` and `open` again in between."""

    def __init__(self, settings: Settings) -> None:
        self._model = settings.model
        self._memory = Memory(gil=self._model == "gil")
        self._instrumentation: instrument.Instrumentation | None = None
        self._audit = Audit(instrument.Scope(settings.include, settings.exclude))
        self._audited = False

    def prepare(self, importing: Callable[[], None]) -> None:
        """Raises InstrumentationError when nothing can be seen here. ``importing``: to be called for each import."""
        self._instrumentation = instrument.create()
        registry.importing = importing

    def open(self) -> None:
        """From here on all is seen that controlled threads do."""
        assert self._instrumentation is not None
        self._audited = False
        opportunity = self._memory.switch_opportunity if self._model == "gil" else None
        self._instrumentation.open(self._audit.scope, self._memory.access, opportunity)
        # Code that runs for the first time is looked at, which takes room on the stack. What gives locks back must not
        # do so first at the end of it, where a recursion of the test's was stopped.
        for lock in (Lock(), RLock()):
            with lock:
                pass

    def close(self) -> None:
        """Nothing is, until `open`."""
        assert self._instrumentation is not None
        self._instrumentation.close()

    def use_model(self, model: str) -> None:
        """Where threads may be switched from the next run on: "python" or "gil"."""
        if model != self._model:
            self._model = model
            self._memory.gil = model == "gil"
            unseen.forget()
            self._audit.gaps.clear()  # a run that failed calls what makes its message
            self.close()
            self.open()

    def begin_run(self, observer: Observer | None) -> None:
        """``observer`` is to be told of accesses."""
        self._memory.begin_run()
        self._memory.observer = observer

    def audit(self, audited: bool, controlled: Callable[[], Iterable[int | None]]) -> None:
        """Whether `gaps` are looked for from now on. ``controlled``: which threads there are, by their identifiers."""
        if audited is not self._audited:
            assert self._instrumentation is not None
            self._audited = audited
            unseen.auditor = self._audit if audited else None
            self._instrumentation.audit(unseen.auditor)
            if audited:
                self._audit.gaps.update(self.outsiders(controlled()))

    def every_access_counts(self, counts: bool, *, alone: bool) -> None:
        """Makes each access and each lock a scheduling point, known to matter or not, or only those that are.

        ``alone``: accesses to memory, but no locks.
        """
        self._memory.every_access = counts
        if alone:
            return
        lock_origin.Origin.every = counts
        if counts:
            FILE_SYSTEM.origin.shared = lock_origin.Origin.outside.observed = True

    def enter_thread(self) -> None:
        """In each controlled thread, before anything of the test runs in it."""
        assert self._instrumentation is not None
        self._instrumentation.enter_thread()

    def leave_thread(self) -> None:
        """In each of them, afterwards."""
        if self._instrumentation is not None:  # else a thread that was lost, of an item that is over
            self._instrumentation.leave_thread()

    @property
    def known(self) -> int:
        """How many accesses and locks have turned out to matter so far."""
        return self._memory.shared_accesses + lock_origin.Origin.learnt

    @property
    def gaps(self) -> tuple[str, ...]:
        """What the runs so far did that is not modelled."""
        return *self._audit.gaps, *unseen.gaps()

    def outsiders(self, controlled: Iterable[int | None]) -> set[str]:
        """What threads other than those ``controlled`` do at this moment, as gaps of a proof."""
        return set(outsiders.gaps(self._audit.scope, set(controlled)))

    def survivors(self) -> list[Survivor]:
        """What the first run wrote, which outlives it, and none of those since did. To be asked between runs."""
        return self._memory.survivors()

    def end(self) -> None:
        """Forgets all that was learnt. Harmless when called twice, and when `prepare` failed."""
        if self._instrumentation is not None:
            self._instrumentation.close()
            self._instrumentation = None
        self._memory.close()
        unseen.forget()
        registry.importing = None
        lock_origin.forget()
        FILE_SYSTEM.forget()
