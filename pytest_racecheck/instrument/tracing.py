"""Instrumentation by ``sys.settrace`` with opcode events, for Python 3.11."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.engine.places import OWN
from pytest_racecheck.instrument import attributes, registry, windows

if TYPE_CHECKING:
    from pytest_racecheck.instrument.audit import Audit
    from pytest_racecheck.instrument.handlers import Listener
    from pytest_racecheck.instrument.plan import Plan
    from pytest_racecheck.instrument.scope import Scope

#: A trace function, global or local: returns the local one to go on with.
Trace = Callable[[FrameType, str, Any], Any]

_set_trace: Final[Any] = sys.settrace
_get_trace: Final[Any] = sys.gettrace
_set_profile: Final[Any] = sys.setprofile
_get_profile: Final[Any] = sys.getprofile


class Tracing:
    """See :class:`pytest_racecheck.instrument.Instrumentation`."""

    name: Final = "sys.settrace"

    def __init__(self) -> None:
        self._make: Callable[[Trace | None], Trace] | None = None
        #: For each thread that is in: its trace function, and the one that was there before.
        self._threads: dict[int, tuple[Trace, Trace | None]] = {}
        self._hook: Trace | None = None
        #: Who is told of calls.
        self.auditor: Audit | None = None

    def open(self, scope: Scope, listener: Listener, opportunity: Callable[[], None] | None) -> None:
        """See the protocol."""
        if self._make is not None:
            raise RuntimeError("already open")
        attributes.forget()
        self._make = _tracer(scope, listener, opportunity, self)
        windows.watch = functools.partial(_watch_entry, scope)
        self._hook = threading.gettrace()  # type: ignore[assignment]
        if self._hook is not None:
            threading.settrace(self._first_call)
        sys.settrace, sys.gettrace, sys.setprofile = self._set_trace, self._get_trace, self._set_profile

    def close(self) -> None:
        """See the protocol."""
        self.leave_thread()
        if self._make is None:
            return
        self._make = None
        sys.settrace, sys.gettrace, sys.setprofile = _set_trace, _get_trace, _set_profile
        registry.dependents.clear()
        windows.close()
        if self._hook is not None:
            threading.settrace(self._hook)
            self._hook = None

    def audit(self, auditor: Audit | None) -> None:
        """See the protocol; from the next thread that is entered."""
        self.auditor = auditor

    def imported(self, frame: FrameType) -> None:
        """A module is imported, in ``frame``."""
        if self.auditor is not None:
            self.auditor.imported(frame)

    def enter_thread(self) -> None:
        """Traces the calling thread from here on, together with whoever traced it before."""
        ident = real.get_ident()
        if self._make is not None and ident not in self._threads:
            self._install(ident, _get_trace())
            self._watch_calls()

    def leave_thread(self) -> None:
        """Gives the calling thread back to whoever traced it before."""
        windows.leave_thread()
        if getattr(_get_profile(), "func", None) is _profile:
            _set_profile(None)
        trace, previous = self._threads.pop(real.get_ident(), (None, None))
        # None: an exception went through our trace function, and the interpreter dropped it. Anything else is a
        # debugger that was started meanwhile: leave that to its user.
        if trace is not None and _get_trace() in (trace, None):
            _set_trace(previous)

    # In place of the functions of `sys`: a test that traces or profiles itself is not to blind racecheck.

    def _set_trace(self, function: Any, /) -> None:
        ident = real.get_ident()
        if ident in self._threads:
            self._install(ident, function)
        else:
            _set_trace(function)

    def _get_trace(self) -> Any:
        trace, previous = self._threads.get(real.get_ident(), (None, None))
        found = _get_trace()
        return previous if found is trace else found

    def _set_profile(self, function: Any, /) -> None:
        if self.auditor is not None and real.get_ident() in self._threads:
            self.auditor.gaps.add("calls can't be watched: a profiler is at work")
        _set_profile(function)

    def _watch_calls(self) -> None:
        if self.auditor is None:
            return
        if _get_profile() is None:
            _set_profile(functools.partial(_profile, self.auditor))
        else:
            self.auditor.gaps.add("calls can't be watched: a profiler is at work")

    def _install(self, ident: int, previous: Trace | None) -> Trace:
        assert self._make is not None
        trace = self._make(previous)
        self._threads[ident] = trace, previous
        _set_trace(trace)
        return trace

    def _first_call(self, frame: FrameType, event: str, arg: Any) -> Any:
        # A thread calls threading's hook when its run() begins, which throws out what enter_thread() installed.
        hook = self._hook
        ident = real.get_ident()
        if self._make is not None and ident in self._threads:
            return self._install(ident, hook)(frame, event, arg)
        _set_trace(hook)
        return hook(frame, event, arg) if hook is not None else None


def _profile(auditor: Audit, frame: FrameType, event: str, argument: Any) -> None:
    """A profile function: tells ``auditor`` of the calls of instrumented code."""
    caller = frame if event == "c_call" else frame.f_back if event == "call" else None
    thread = current.thread
    if (
        caller is None
        or thread is None
        or not current.concurrent
        or thread.quiet
        or thread.ident != real.get_ident()
        or not auditor.is_wanted(caller.f_code)
    ):
        return
    function, first = auditor.expected.pop(id(caller), (None, None))
    if event == "call":
        auditor.entered(caller.f_code, caller.f_lineno, frame.f_code, _first_argument(frame))
    else:
        entry = registry.meet(caller.f_code, caller.f_globals)
        is_told = caller.f_lasti in entry.plan(caller.f_code).handlers
        known = (first,) if function is argument and first is not UNKNOWN else ()
        auditor.called(caller.f_code, caller.f_lineno, argument, *known, is_told=is_told)


def _first_argument(frame: FrameType) -> object:
    names = frame.f_code.co_varnames
    return frame.f_locals.get(names[0]) if frame.f_code.co_argcount else None


def _tracer(
    scope: Scope, listener: Listener, opportunity: Callable[[], None] | None, tracing: Tracing
) -> Callable[[Trace | None], Trace]:
    """Makes what makes the trace function of a thread."""
    plans: dict[int, Plan | None] = {}
    registry.dependents[:] = [plans]  # type: ignore[list-item]
    get_ident = real.get_ident

    def look_up(frame: FrameType) -> Plan | None:
        code = frame.f_code
        try:
            return plans[id(code)]
        except KeyError:
            pass
        if registry.is_import(code, frame):
            tracing.imported(frame)
            return None
        entry = registry.meet(code, frame.f_globals)
        plan = plans[id(code)] = entry.begin(code) if registry.wanted(code, scope) else None
        return plan

    def make(previous: Trace | None) -> Trace:
        callers: set[int] = set()

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            if opportunity is not None:
                callers.add(id(frame.f_back))
            chained = _chain(previous, trace, frame, event, arg) if previous is not None else None
            try:
                plan = look_up(frame)
            except RecursionError:
                return chained
            # Whoever wrote it, the interpreter may switch where it starts. (Ours stands for C, mostly.)
            if opportunity is not None and (plan is not None or not frame.f_code.co_filename.startswith(OWN)):
                _offer(opportunity, get_ident)
            if plan is None:
                return chained
            frame.f_trace_opcodes = True
            frame.f_trace_lines = chained is not None
            local = _local(plan, listener, opportunity, chained, trace, callers)
            return local if tracing.auditor is None else _audited(plan, local, tracing.auditor)

        return trace

    return make


def _chain(other: Trace, trace: Trace, frame: FrameType, event: str, arg: Any) -> Any:
    """Lets another trace function see the event; ``trace`` stays the one of the thread."""
    with registry.quiet():  # what it does, files that it looks at, is no part of the test
        chained = other(frame, event, arg)
    found = _get_trace()
    if getattr(found, "__code__", found) is not getattr(trace, "__code__", None):
        _set_trace(trace)  # coverage installs itself anew at every call; not so a newer one of ours
    return chained


def _watch_entry(scope: Scope, code: CodeType) -> None:
    if registry.wanted(code, scope):
        entry = registry.meet(code, {})
        entry.plan(code).watch(entry.number)


def _offer(opportunity: Callable[[], None], get_ident: Callable[[], int]) -> None:
    thread = current.thread
    if thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident():
        opportunity()


def _audited(plan: Plan, local: Trace, auditor: Audit) -> Trace:
    """``local``, a trace function of a frame, and tells of calls of which the interpreter does not: of classes, say."""
    audited, get_ident, expected = plan.audited, real.get_ident, auditor.expected
    #: Of the call that comes next, or has just been: its line, and whether what it does to a container is told.
    pending: tuple[int, bool] | None = None

    def watching(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal pending
        if event == "opcode":
            offset = frame.f_lasti
            if pending is not None:
                (line, is_told), pending = pending, None
                if id(frame) in expected:
                    auditor.untold(frame.f_code, line, *expected.pop(id(frame)), is_told=is_told)
            thread = current.thread
            if (
                offset in audited
                and thread is not None
                and current.concurrent
                and not thread.quiet
                and thread.ident == get_ident()
            ):
                expected[id(frame)] = audited[offset](frame)
                pending = frame.f_lineno, offset in plan.handlers
        local(frame, event, arg)
        return watching

    return watching


def _local(
    plan: Plan,
    listener: Listener,
    opportunity: Callable[[], None] | None,
    chained: Trace | None,
    trace: Trace,
    callers: set[int],
) -> Trace:
    """The trace function of one frame; ``callers`` are the frames (by address) that called Python code lately."""
    handlers, cells, get_ident = plan.handlers, plan.cells, real.get_ident
    places: frozenset[int] | set[int] = plan.backward | plan.after_calls if opportunity is not None else frozenset()

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal chained
        if event == "opcode":
            offset = frame.f_lasti
            handler = handlers.get(offset)
            if handler is None and offset not in places:
                return local
            thread = current.thread
            mine = thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident()
            if mine or (current.strays and current.come_back()):
                runs_python = handler(frame, listener) if handler is not None else None
                if opportunity is not None and (runs_python or offset in places):
                    # The interpreter looks for other threads after a call of C code, and where Python code begins.
                    if id(frame) not in callers or offset in plan.backward or runs_python:
                        opportunity()
                    callers.discard(id(frame))
                if cells:
                    # When this function returns, the interpreter writes f_locals back into the frame: with what
                    # was read before the listener let other threads run, it would undo their writes to variables
                    # that functions share. Reading them again brings them up to date.
                    _ = frame.f_locals
        elif chained is not None:
            chained = _chain(chained, trace, frame, event, arg)
        return local

    return local
