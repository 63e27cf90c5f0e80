"""Whether racecheck can see anything here: a tool that goes blind would pass every test.

Instrumentation can stop working without a word, on a new version of Python, under a debugger, beside another tool. So a
known race is looked for once a session, in the same way as those of the tests.
"""

from __future__ import annotations

import platform
import sys
from random import Random
from typing import Final

from pytest_racecheck.engine.runner import Runner
from pytest_racecheck.settings import Settings
from pytest_racecheck.strategy.random_walk import RandomWalk
from pytest_racecheck.tutorial.probe import lost_update

#: The walk is the same every time, and finds it long before.
INTERLEAVINGS: Final = 20


class _World:
    def set_up(self) -> None:
        """There are no fixtures."""

    def call(self) -> None:
        """The known race."""
        lost_update()

    def tear_down(self) -> None:
        """There are no fixtures."""

    def finish(self) -> None:
        """There are no fixtures."""

    def is_outcome(self, exc: BaseException) -> bool:
        """Whether it ends the session."""
        return isinstance(exc, KeyboardInterrupt)

    def is_skip(self, exc: BaseException) -> bool:
        """Nothing is skipped."""
        return False


def blindness() -> str | None:
    """Why nothing that racecheck says here can be trusted; None when it finds what it has to find.

    Raises InstrumentationError when it can't work at all.
    """
    runner = Runner(Settings(), _World(), 0)
    runner.open()
    walk = RandomWalk(Random(0))
    try:
        for _ in range(INTERLEAVINGS):
            runner.begin(walk)
            if runner.call(set_up=True).failed:
                return None
            runner.tear_down(failed=False)
            runner.end()
    finally:
        runner.close()
    return (
        f"racecheck is blind here: it does not find the race in a counter that two threads increment, in "
        f"{INTERLEAVINGS} interleavings, so it would pass tests that have one. It runs on {platform.python_version()}"
        f"{_others()}. Switch off other tools that trace or monitor this process, or report it with this line"
    )


def _others() -> str:
    """Other tools that watch the interpreter."""
    found = []
    if sys.gettrace() is not None:
        found.append(f"the trace function {sys.gettrace()!r}")
    if sys.getprofile() is not None:
        found.append(f"the profile function {sys.getprofile()!r}")
    if sys.version_info >= (3, 12):
        names = (sys.monitoring.get_tool(number) for number in range(6))
        found += [f"{name!r} of sys.monitoring" for name in names if name]
    return f", beside {', '.join(found)}" if found else ""
