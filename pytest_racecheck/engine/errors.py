"""What the engine raises: one private exception that unwinds threads, and the failures that it reports itself."""

from __future__ import annotations

import contextlib


class Unwind(BaseException):
    """Raised at the scheduling points of a thread whose run is over, so that its ``with`` and ``finally`` blocks run.

    No test should ever see it; it derives from BaseException because ordinary code catches Exception.
    """


def forget_frames(error: BaseException) -> None:
    """Lets go of what the functions held that ``error`` went through, all of which have ended.

    Left to the collector, circles of frames and memory views of a BytesIO (in multiprocessing's pipes) crash CPython.
    """
    trace = error.__traceback__
    while trace is not None:
        with contextlib.suppress(RuntimeError):  # it runs: the one that caught the error
            trace.tb_frame.clear()
        trace = trace.tb_next


class InterleavingFailure(Exception):  # noqa: N818 - as pytest's own outcomes, this is no error of the program
    """A failure that the engine found itself. ``str()`` of it is the whole text that a person reads."""


class DeadlockFailure(InterleavingFailure):
    """Every thread that could let the test go on is blocked for good."""


class HangFailure(InterleavingFailure):
    """The time for one interleaving ran out, or every thread that could run only spins."""


class ThreadFailure(InterleavingFailure):
    """An exception left a thread that would end the session if it came from the main thread."""


class NondeterministicFailure(InterleavingFailure):
    """A failure was seen, yet replaying its very schedule does not show it, or not each time."""


class VacuousFailure(InterleavingFailure):
    """A condition that had to hold in at least one interleaving held in none."""

    @classmethod
    def of(cls, conditions: list[str], interleavings: int) -> VacuousFailure:
        """The failure for these conditions, after so many interleavings."""
        return cls(
            f"vacuous: {', '.join(map(repr, conditions))} held in none of {interleavings} interleavings "
            "(racecheck.sometimes): the test does not reach what it is about; check the condition, or raise "
            "--interleavings"
        )


class FindingFailure(InterleavingFailure):
    """A detector found what the test was to fail on (``fail_on``), in an interleaving whose own checks passed."""


class DataRaceFailure(FindingFailure):
    """Two accesses to the same place, one of them a write, and nothing orders them."""


class LockOrderFailure(FindingFailure):
    """Threads take the same locks in opposite orders."""


class LeakFailure(FindingFailure):
    """The test leaves a thread running, or a lock held."""


class ReplayError(Exception):
    """A replay token can't be read or can't be followed; the message says why and what to do."""
