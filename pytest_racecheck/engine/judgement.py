"""What a run came to: whether it passed, failed, or never got to its end, and by whose fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_racecheck.engine.places import is_users

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_racecheck.engine.run import Kind
    from pytest_racecheck.engine.scheduler import Scheduler


def judge(
    scheduler: Scheduler, raised: BaseException | None, is_deadlocked: Callable[[], bool]
) -> tuple[Kind, str, BaseException | None]:
    """How the run ended, the thread that failed, and its exception. ``raised``: what came out of the test body.

    ``is_deadlocked`` looks whether threads that are left wait for each other's locks in a circle. Raises RuntimeError
    for an exception out of a strategy.
    """
    stuck = scheduler.stuck
    if stuck == "hang" or (stuck == "livelock" and not scheduler.failures):
        # Others, daemons mostly, may have gone on while some are blocked for good.
        return "deadlock" if is_deadlocked() else stuck, "main", None
    if scheduler.failures:
        # What an exception in a thread leads to elsewhere (a wait that never ends, say) is its consequence.
        culprit, error = scheduler.failures[0]
        _refuse_own(error)
        error.__traceback__ = _without_ours(error.__traceback__)
        return "failed", culprit.label, error
    if stuck in ("deadlock", "limit"):
        return stuck, "main", None
    if raised is not None:
        _refuse_own(raised)
    if scheduler.alive > 1 and is_deadlocked():  # nobody joined the threads that block each other
        return "deadlock", "main", None
    return ("passed", "main", None) if raised is None else ("failed", "main", raised)


def _refuse_own(error: BaseException) -> None:
    """Raises RuntimeError for an exception out of a strategy: a defect of racecheck, and no failure of the test."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("pytest_racecheck.strategy."):
        raise RuntimeError(
            f"racecheck itself failed, not the test ({type(error).__name__}: {error}); report it, with this traceback, "
            "and try another --racecheck-strategy meanwhile"
        ) from error


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that start a controlled thread."""
    first = trace
    while first is not None and not is_users(first.tb_frame.f_code.co_filename):
        first = first.tb_next
    return first or trace
