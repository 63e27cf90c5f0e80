"""One item that is measured: run again and again in real time, each time from fresh function-scoped fixtures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_racecheck.gil import hot_lines
from pytest_racecheck.gil.measure import measure
from pytest_racecheck.pytesting import private
from pytest_racecheck.pytesting.hygiene import Hygiene
from pytest_racecheck.pytesting.output import Output, shown_once
from pytest_racecheck.pytesting.rerun import ItemWorld
from pytest_racecheck.pytesting.unittest_case import CaseBody, is_unittest

if TYPE_CHECKING:
    import pytest

    from pytest_racecheck.gil.model import Measurement


class ItemSubject:
    """The subject of a measurement for an item that is set up."""

    def __init__(self, world: ItemWorld) -> None:
        self._world = world

    def call(self) -> None:
        """The test body."""
        __tracebackhide__ = True
        self._world.call()

    def renew(self) -> None:
        """Fresh fixtures."""
        self._world.tear_down()
        self._world.set_up()


def measure_world(item: pytest.Item, world: ItemWorld) -> Measurement:
    """Measure an item that is set up, and leave it set up. Raises what its body raises when its threads run freely."""
    __tracebackhide__ = True
    subject = ItemSubject(world)
    finish: Callable[[Measurement], None] | None = None
    if item.config.get_verbosity() > 0:

        def finish(m: Measurement) -> None:
            hot_lines.add(subject, m)

    with shown_once(item.config):
        return measure(subject, item.nodeid, finish=finish)


class MeasuredItem:
    """Shadows ``setup`` and ``runtest`` of an item that is not explored. The first run is the test's own.

    ``measured`` is there once the test has passed.
    """

    def __init__(self, item: pytest.Item) -> None:
        self.item = item
        self.measured: Measurement | None = None
        self._measuring = False
        self._setup, self._runtest = item.setup, item.runtest
        self._case = CaseBody(item, item.runtest) if is_unittest(item) else None
        self._world: ItemWorld | None = None
        item.setup, item.runtest = self._set_up, self._run  # type: ignore[method-assign]

    def release(self) -> None:
        """Give pytest its item back."""
        del self.item.setup, self.item.runtest

    def _set_up(self) -> None:
        __tracebackhide__ = True
        if not self._measuring:
            private.set_up_wider_fixtures(self.item)
            output = Output(self.item)
            output.wider_set_up_done()
            self._hygiene = Hygiene(self.item)
            self._world = ItemWorld(self.item, self._body, self._hygiene, output)
            if self._case is not None:
                self._case.begin()
        self._setup()

    def _run(self) -> None:
        __tracebackhide__ = True
        if self._world is None:  # someone called runtest() without setup()
            self._runtest()
            return
        self._hygiene.set_up_done()
        self._measuring = True
        try:
            self.measured = measure_world(self.item, self._world)
        except BaseException as error:
            self._end(error)
            raise
        finally:
            self._measuring = False
        self._end(None)
        if self._case is not None:
            self._case.invert(None)

    def _end(self, raised: BaseException | None) -> None:
        self._hygiene.end(raised)
        if self._case is not None:
            self._case.end(raised)

    def _body(self) -> None:
        __tracebackhide__ = True
        if self._case is not None:
            self._case()
        else:
            self._runtest()
