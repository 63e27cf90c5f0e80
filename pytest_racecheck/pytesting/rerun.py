"""One marked item as the engine sees it: set up, called and torn down in place, as often as it likes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.pytesting import private

if TYPE_CHECKING:
    from pytest_racecheck.pytesting.hygiene import Hygiene
    from pytest_racecheck.pytesting.output import Output


class ItemWorld:
    """The ``World`` of the engine for a pytest item.

    ``body`` runs the test and raises what it raises. Interleaving 0 is set up by pytest itself and the last one torn
    down by it; the methods here do the same for those between, without pytest's hooks and reports.
    """

    def __init__(self, item: pytest.Item, body: Callable[[], object], hygiene: Hygiene, output: Output) -> None:
        self._item = item
        self._body = body
        self._hygiene = hygiene
        self._output = output
        self._reset = item.ihook.pytest_racecheck_reset
        self._has_reset_hooks = bool(self._reset.get_hookimpls())
        self._has_finalizers: bool | None = None
        self._scratch: Path | None = None

    def set_up(self) -> None:
        """Fresh function-scoped fixtures, as at the start of a test."""
        self._output.begin()
        if self._has_reset_hooks:
            self._reset(item=self._item)
        private.renew(self._item)
        try:
            private.set_up(self._item)
        finally:
            self._output.set_up_done()

    def call(self) -> None:
        """The test body."""
        self._body()

    def tear_down(self) -> None:
        """The item's own fixtures, unless `finish` did that, and everything that is put back with them."""
        try:
            if private.is_set_up(self._item):
                self._finalize()
        finally:
            self._hygiene.after_tear_down(self._scratch)

    def finish(self) -> None:
        """The item's own fixtures, if there is any code in that which is not pytest's own."""
        if self._has_finalizers is None:
            self._has_finalizers = private.has_finalizers(self._item)
        if self._has_finalizers:
            self._finalize()

    def _finalize(self) -> None:
        self._scratch = self._hygiene.before_tear_down()
        private.tear_down(self._item)

    def is_outcome(self, exc: BaseException) -> bool:
        """Whether an exception says how the whole test ends: skipped, expected to fail, session to stop.

        Everything else is a failure of the interleaving that raised it.
        """
        return isinstance(exc, (_OUTCOMES, _loaded(*_OUTCOMES_OF_OTHERS)))

    def is_skip(self, exc: BaseException) -> bool:
        """Whether an exception skips the test."""
        return isinstance(exc, (pytest.skip.Exception, _loaded(*_SKIPS_OF_OTHERS)))


_SKIPS_OF_OTHERS = ("unittest", "SkipTest")
_OUTCOMES_OF_OTHERS = (
    *_SKIPS_OF_OTHERS,
    *("bdb", "BdbQuit"),
    *("hypothesis.errors", "UnsatisfiedAssumption"),
    *("hypothesis.errors", "StopTest"),
)
_OUTCOMES = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, KeyboardInterrupt)


def _loaded(*names: str) -> tuple[type[BaseException], ...]:
    """Exception types, as pairs of module and name, of those modules that someone has imported."""
    pairs = zip(names[::2], names[1::2], strict=True)
    return tuple(getattr(sys.modules[module], name) for module, name in pairs if module in sys.modules)
