"""Instrumentation for threads that run at the same time: as under control, but any thread of the run may be told of.

The callbacks of the controlled search ask who holds the baton; here nobody does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real, stressed
from pytest_racecheck.instrument import InstrumentationError, registry

if TYPE_CHECKING:
    from pytest_racecheck.instrument import Instrumentation
    from pytest_racecheck.instrument.handlers import Listener
    from pytest_racecheck.instrument.plan import Plan
    from pytest_racecheck.instrument.scope import Scope
    from pytest_racecheck.instrument.tracing import Trace


def _is_stressed() -> bool:
    run = stressed.run
    return run is not None and run.mine() is not None


def open_instrumentation(scope: Scope, listener: Listener) -> Instrumentation:
    """What tells ``listener`` of accesses in all threads of a run. Raises InstrumentationError when it can't work."""
    instrumentation: Instrumentation
    if sys.version_info >= (3, 12):
        from pytest_racecheck.instrument.monitoring import Monitoring

        instrumentation = Monitoring(_callbacks())
    else:
        instrumentation = _Tracing(scope, listener)
    instrumentation.open(scope, listener, None)
    return instrumentation


def _callbacks() -> type[Any]:
    from pytest_racecheck.instrument import monitoring

    class EveryThread(monitoring.Callbacks):
        """See `monitoring.Callbacks`."""

        def _make_instruction(self) -> Callable[[CodeType, int], object]:
            disable, get_frame = sys.monitoring.DISABLE, sys._getframe
            handlers, listener = self._handlers, self._listener

            def on_instruction(code: CodeType, offset: int) -> object:
                try:
                    handler = handlers[id(code)][offset]
                except KeyError:
                    return disable
                if _is_stressed():
                    handler(get_frame(1), listener)
                return None

            return on_instruction

        def _make_call(self, depth: int = 1) -> Callable[[CodeType, int, object, object], object]:
            disable, get_frame = sys.monitoring.DISABLE, sys._getframe
            calls, listener = self._calls, self._listener

            def on_call(code: CodeType, offset: int, function: object, first: object) -> object:
                try:
                    handler = calls[id(code)][offset]
                except KeyError:
                    return disable
                if _is_stressed():
                    handler(get_frame(depth), function, first, listener)
                return None

            return on_call

    return EveryThread


class _Tracing:
    """By ``sys.settrace``, thread by thread.

    The interpreter copies the variables of a frame into ``f_locals`` before it calls a trace function, and writes them
    back afterwards: what another thread assigned meanwhile to a variable that functions share would be undone. So
    each trace function reads ``f_locals`` once more as the last thing that it does; between that and the writing back
    the interpreter does not switch threads. Frames without such variables have nothing to lose.
    """

    name: Final = "sys.settrace"

    def __init__(self, scope: Scope, listener: Listener) -> None:
        self._scope = scope
        self._listener = listener
        self._plans: dict[int, Plan | None] = {}
        self._before: dict[int, Any] = {}

    def open(self, scope: Scope, listener: Listener, opportunity: Callable[[], None] | None) -> None:
        """See the protocol."""
        from pytest_racecheck.instrument import attributes

        attributes.forget()
        registry.dependents[:] = [self._plans]  # type: ignore[list-item]

    def close(self) -> None:
        """See the protocol."""
        registry.dependents.clear()

    def audit(self, auditor: object) -> None:
        """Nothing is proved here."""

    def enter_thread(self) -> None:
        """See the protocol."""
        before = sys.gettrace()
        if before is None:  # a debugger or a coverage tool in Python keeps its place
            self._before[real.get_ident()] = before
            sys.settrace(self._trace)

    def leave_thread(self) -> None:
        """See the protocol."""
        if self._before.pop(real.get_ident(), self) is not self and sys.gettrace() in (self._trace, None):
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        plan = self._plan(frame) if _is_stressed() else None
        local = None
        if plan is not None:
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            local = _local(plan, self._listener)
        if code.co_freevars or code.co_cellvars:
            _ = frame.f_locals
        return local

    def _plan(self, frame: FrameType) -> Plan | None:
        code = frame.f_code
        try:
            return self._plans[id(code)]
        except KeyError:
            pass
        if registry.is_import(code, frame):
            return None
        try:
            entry = registry.meet(code, frame.f_globals)
            plan = self._plans[id(code)] = entry.plan(code) if registry.wanted(code, self._scope) else None
        except RecursionError:
            return None
        return plan


def _local(plan: Plan, listener: Listener) -> Trace:
    handlers, cells = plan.handlers, plan.cells

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            handler = handlers.get(frame.f_lasti)
            if handler is not None and _is_stressed():
                handler(frame, listener)
        if cells:
            _ = frame.f_locals
        return local

    return local


__all__ = ["InstrumentationError", "open_instrumentation"]
