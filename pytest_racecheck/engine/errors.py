"""What the engine raises: one private exception that unwinds threads, and the failures that it reports itself."""

from __future__ import annotations


class Unwind(BaseException):
    """Raised at the scheduling points of a thread whose run is over, so that its ``with`` and ``finally`` blocks run.

    No test should ever see it; it derives from BaseException because ordinary code catches Exception.
    """


class InterleavingFailure(Exception):  # noqa: N818 - as pytest's own outcomes, this is no error of the program
    """A failure that the engine found itself. ``str()`` of it is the whole text that a person reads."""


class DeadlockFailure(InterleavingFailure):
    """Every thread that could let the test go on is blocked for good."""


class HangFailure(InterleavingFailure):
    """The time for one interleaving ran out, or every thread that could run only spins."""


class NondeterministicFailure(InterleavingFailure):
    """A failure was seen, yet replaying its very schedule did not show it again."""


class VacuousFailure(InterleavingFailure):
    """A condition that had to hold in at least one interleaving held in none."""


class ReplayError(Exception):
    """A replay token can't be read or can't be followed; the message says why and what to do."""
