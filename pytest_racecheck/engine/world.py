"""What the engine asks of whoever brings it a test."""

from __future__ import annotations

from typing import Protocol


class World(Protocol):
    """One marked item, as the engine sees it."""

    def set_up(self) -> None:
        """Fresh function-scoped fixtures."""

    def call(self) -> None:
        """The test body; raises what it raises."""

    def tear_down(self) -> None:
        """The item's own fixtures, none of a wider scope."""

    def finish(self) -> None:
        """What of `tear_down` is code of the test's, if any is: it may check what came of the run."""

    def is_outcome(self, exc: BaseException) -> bool:
        """Whether ``exc`` ends the whole item (skip, interrupt, ...) instead of failing an interleaving."""

    def is_skip(self, exc: BaseException) -> bool:
        """Whether ``exc`` says that the test is not to be run: in one interleaving only, it ends just that."""
