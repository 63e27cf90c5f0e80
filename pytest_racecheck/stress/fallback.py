"""When `auto` gives up on control: the test does not do what the scheduler says, so it is put under stress instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.engine.run import Run

#: In so many interleavings in a row the baton had to be taken so often from threads that blocked where racecheck knew
#: nothing of it. Each time costs milliseconds, and what the threads do meanwhile, no schedule decides.
RUNS: Final = 3
TIMES: Final = 10


class Control:
    """Whether there is any. ``blind``: why accesses to memory can't be seen, None if they can."""

    def __init__(self) -> None:
        self.blind: str | None = None
        self._slipped = 0

    def is_lost(self, run: Run) -> bool:
        """Whether it is after ``run``, the latest one."""
        self._slipped = self._slipped + 1 if run.taken >= TIMES else 0
        return self.blind is not None or self._slipped >= RUNS

    @property
    def why(self) -> str:
        """Why it is lost, as the end of a sentence."""
        if self.blind is not None:
            return f"racecheck can't see what it does. {self.blind}"
        return (
            f"in each of {RUNS} interleavings its threads blocked at least {TIMES} times where racecheck can't tell "
            "for what"
        )
