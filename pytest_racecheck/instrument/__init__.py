"""Instrumentation: where scheduling points at memory that threads share come from.

Between :meth:`Instrumentation.open` and :meth:`Instrumentation.close` it tells a listener of every access that
instrumented code makes in the controlled thread that runs, right before it happens.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from pytest_racecheck.instrument.handlers import Listener
from pytest_racecheck.instrument.scope import Scope
from pytest_racecheck.instrument.variables import Closure

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.instrument.audit import Audit

__all__ = ["Closure", "Instrumentation", "InstrumentationError", "Listener", "Scope", "create"]


class InstrumentationError(Exception):
    """The interpreter can't be instrumented; ``reason`` and ``advice`` are sentences for a person."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason} {advice}")
        self.reason = reason
        self.advice = advice


class Instrumentation(Protocol):
    """One way to see what instrumented code does."""

    @property
    def name(self) -> str:
        """The mechanism of the interpreter: "sys.monitoring" or "sys.settrace"."""

    def open(self, scope: Scope, listener: Listener, opportunity: Callable[[], None] | None) -> None:
        """Begins: accesses of code in ``scope`` go to ``listener``.

        ``opportunity``, if given, is called wherever a build with a GIL could switch threads: function entries, ends
        of loops, calls, operators that run Python code. Raises InstrumentationError when it can't work.
        """

    def close(self) -> None:
        """Ends, and leaves nothing behind. Does nothing when it is not open."""

    def audit(self, auditor: Audit | None) -> None:
        """From here on ``auditor`` is told of every call that instrumented code makes; None: nobody any longer."""

    def enter_thread(self) -> None:
        """Called in each controlled thread, the main thread too, when its part in a run begins."""

    def leave_thread(self) -> None:
        """Called in each controlled thread when its part in a run is over."""


def create() -> Instrumentation:
    """The instrumentation for the running interpreter."""
    if hasattr(sys, "monitoring"):
        from pytest_racecheck.instrument.monitoring import Monitoring

        return Monitoring()
    from pytest_racecheck.instrument.tracing import Tracing

    return Tracing()
