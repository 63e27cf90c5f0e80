"""What a test says to the engine while it runs; behind the fixture ``racecheck``."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_racecheck.engine import current, real, stressed


class RunApi:
    """What a test says to the engine while it runs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.interleaving = 0
        self.outcomes: Counter[str] = Counter()
        self.conditions: dict[str, bool] = {}
        self._recorded: str | None = None

    def point(self, label: str) -> None:
        """An explicit scheduling point."""
        me = current.thread
        if me is not None and me.ident == real.get_ident() and not me.quiet:
            me.scheduler.point(me, "point", label)
        elif stressed.run is not None:
            stressed.run.point()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """No preemption inside."""
        me = current.thread
        if me is None or me.ident != real.get_ident():
            with contextlib.nullcontext() if stressed.run is None else stressed.run.atomic():
                yield
            return
        if not me.quiet:
            # What is inside is one step, and others may come before it.
            me.scheduler.point(me, "point", "atomic")
        me.atomic += 1
        try:
            yield
        finally:
            me.atomic = max(0, me.atomic - 1)

    def outcome(self, value: object) -> None:
        """How this interleaving came out; the last word counts."""
        self._recorded = str(value)

    def sometimes(self, condition: object, name: str) -> None:
        """A condition that has to hold in some interleaving."""
        self.conditions[name] = self.conditions.get(name, False) or bool(condition)

    def begin(self, interleaving: int) -> None:
        """A new interleaving starts."""
        self.interleaving = interleaving
        self._recorded = None

    def count(self) -> None:
        """The interleaving counts."""
        if self._recorded is not None:
            self.outcomes[self._recorded] += 1
