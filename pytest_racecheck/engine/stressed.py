"""The other piece of global state: the run under stress, whose threads all run at the same time.

Stand-ins ask here where they would go to the original. Read it as ``stressed.run``: the value changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.stress.run import StressRun

#: None outside of such a run.
run: StressRun | None = None
