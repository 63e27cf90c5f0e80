"""Instrumentation by ``sys.monitoring``, for Python 3.12 and newer.

Only code in scope gets instruction events (local ones), and of its instructions only those that are accesses keep
them: the rest is switched off where it is first met. Everything else runs at full speed.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.places import OWN
from pytest_racecheck.instrument import InstrumentationError, attributes, registry, windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.instrument.audit import Audit
    from pytest_racecheck.instrument.calls import CallHandler
    from pytest_racecheck.instrument.handlers import Handler, Listener
    from pytest_racecheck.instrument.scope import Scope

_TOOL_IDS: Final = (3, 4)  # the rest belongs to debuggers, coverage, profilers and optimisers by convention

_monitoring: Any = sys.monitoring if sys.version_info >= (3, 12) else None


class Monitoring:
    """See :class:`pytest_racecheck.instrument.Instrumentation`."""

    name: Final = "sys.monitoring"

    def __init__(self, callbacks: type[Callbacks] | None = None) -> None:
        self._make_callbacks = callbacks or Callbacks
        self._tool: int | None = None
        self._callbacks: Callbacks | None = None
        self._armed: set[registry.KnownCode] = set()

    def open(self, scope: Scope, listener: Listener, opportunity: Callable[[], None] | None) -> None:
        """See the protocol."""
        if self._tool is not None:
            raise RuntimeError("already open")
        tool = self._tool = _take_tool()
        attributes.forget()
        callbacks = self._callbacks = self._make_callbacks(tool, scope, listener, opportunity, self._armed)
        callbacks.register()
        windows.watch = callbacks.watch_entry
        # The interpreter remembers for good that the start of a code object, once met, is no event any more.
        for entry in list(registry.known.values()):
            code = entry.code
            if code is None:
                continue
            is_wanted = registry.wanted(code, scope)
            if is_wanted or (opportunity is not None and not code.co_filename.startswith(OWN)):
                callbacks.drop_state(code)
                if is_wanted and entry.planned:
                    callbacks.arm(code, entry)
                else:
                    callbacks.watch_start(code, entry)
        # What is met for the first time is looked at when it starts, or goes on after a yield.
        events = _monitoring.events
        _monitoring.set_events(tool, events.PY_START | events.PY_RESUME)

    def close(self) -> None:
        """See the protocol."""
        tool, self._tool = self._tool, None
        if tool is None:
            return
        if self._callbacks is not None:
            self._callbacks.closed = True
        self._callbacks = None
        # In this order: taking the local events away brings the code up to date, so that nothing stays disabled.
        _monitoring.set_events(tool, 0)
        while self._armed:  # others may still add to it
            code = self._armed.pop().code
            if code is not None:
                _monitoring.set_local_events(tool, code, 0)
        for event in _events():
            _monitoring.register_callback(tool, event, None)
        registry.dependents.clear()
        windows.close()
        _monitoring.free_tool_id(tool)

    def audit(self, auditor: Audit | None) -> None:
        """See the protocol."""
        assert self._callbacks is not None
        self._callbacks.audit(auditor)

    def enter_thread(self) -> None:
        """Nothing to do: events come from every thread."""

    def leave_thread(self) -> None:
        """See the protocol."""
        windows.leave_thread()


def _take_tool() -> int:
    taken = []
    for tool in _TOOL_IDS:
        owner = _monitoring.get_tool(tool)
        if owner is None:
            _monitoring.use_tool_id(tool, "racecheck")
            return tool
        taken.append(f"{tool} by {owner}")
    raise InstrumentationError(
        f"Both tool ids of sys.monitoring that racecheck may use are taken ({', '.join(taken)}).",
        "Switch one of these tools off for this run.",
    )


def _events() -> tuple[int, ...]:
    events = _monitoring.events
    return (events.PY_START, events.PY_RESUME, events.INSTRUCTION, events.CALL, events.C_RETURN)


def _audited(
    auditor: Audit, call: Callable[..., object], calls: dict[int, dict[int, CallHandler]]
) -> Callable[[CodeType, int, object, object], None]:
    get_frame, get_ident = sys._getframe, real.get_ident

    def on_call(code: CodeType, offset: int, function: object, first: object) -> None:
        thread = current.thread
        if thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident():
            is_told = offset in calls.get(id(code), ())
            auditor.called(code, get_frame(1).f_lineno, function, first, is_told=is_told)
            call(code, offset, function, first)
        elif thread is not None and current.concurrent and thread.ident != get_ident():
            auditor.called_outside(code, get_frame(1).f_lineno, function)

    return on_call


class Callbacks:
    """What the interpreter calls between one open and its close."""

    def __init__(
        self,
        tool: int,
        scope: Scope,
        listener: Listener,
        opportunity: Callable[[], None] | None,
        armed: set[registry.KnownCode],
    ) -> None:
        self._tool = tool
        self._scope = scope
        self._listener = listener
        self._opportunity = opportunity
        self._armed = armed
        self._auditor: Audit | None = None
        #: Threads that have nothing to do with the item may still be in the midst of one of these.
        self.closed = False
        self._handlers: dict[int, dict[int, Handler]] = {}
        self._calls: dict[int, dict[int, CallHandler]] = {}
        self._backward: dict[int, set[int]] = {}
        registry.dependents[:] = [self._handlers, self._calls, self._backward]  # type: ignore[list-item]
        events = _monitoring.events
        self._local_events = events.INSTRUCTION | events.CALL
        if opportunity is not None:
            self._local_events |= events.PY_START | events.PY_RESUME

    def register(self) -> None:
        """Tells the interpreter of the callbacks. No event is on yet."""
        events = _monitoring.events
        if self._opportunity is None:
            callbacks: list[tuple[Any, Callable[..., object]]] = [
                (events.INSTRUCTION, self._make_instruction()),
                (events.CALL, self._make_call()),
            ]
            start = self._make_start(None)
        else:
            callbacks = self._with_opportunities(self._opportunity)
            start = self._make_start(self._opportunity)
        for event, callback in (*callbacks, (events.PY_START, start), (events.PY_RESUME, start)):
            _monitoring.register_callback(self._tool, event, callback)

    def audit(self, auditor: Audit | None) -> None:
        """See `Monitoring.audit`. Calls without a handler were switched off where they were met: all are on again."""
        self._auditor = auditor
        depth = 1 if auditor is None else 2
        call = self._make_call(depth) if self._opportunity is None else self._make_call_with(self._opportunity, depth)
        if auditor is not None:
            call = _audited(auditor, call, self._calls)
        _monitoring.register_callback(self._tool, _monitoring.events.CALL, call)
        for entry in list(registry.known.values()):
            code = entry.code
            if code is not None and entry.number in self._handlers:
                _monitoring.set_local_events(self._tool, code, 0)
                self.arm(code, entry)

    def arm(self, code: CodeType, entry: registry.KnownCode) -> None:
        """Switches the events of one code object on."""
        plan = entry.begin(code)
        self._handlers[entry.number] = plan.handlers
        self._calls[entry.number] = plan.calls
        self._backward[entry.number] = plan.backward
        if plan.handlers or plan.calls or self._opportunity is not None or self._auditor is not None:
            self._armed.add(entry)
            _monitoring.set_local_events(self._tool, code, self._local_events)

    def watch_entry(self, code: CodeType) -> None:
        """See :mod:`windows`."""
        if not registry.wanted(code, self._scope):
            return
        entry = registry.meet(code, {})
        if entry.plan(code).watch(entry.number) and entry.number in self._handlers:
            # The first instruction may be switched off; that is forgotten with the events.
            _monitoring.set_local_events(self._tool, code, 0)
            _monitoring.set_local_events(self._tool, code, self._local_events)

    def drop_state(self, code: CodeType) -> None:
        """Makes the interpreter forget which events of one code object were switched off, before the first is on."""
        _monitoring.set_local_events(self._tool, code, _monitoring.events.INSTRUCTION)
        _monitoring.set_local_events(self._tool, code, 0)

    def watch_start(self, code: CodeType, entry: registry.KnownCode) -> None:
        """Makes the next start of one code object an event; it gets its plan then."""
        events = _monitoring.events
        _monitoring.set_local_events(self._tool, code, events.PY_START | events.PY_RESUME)
        self._armed.add(entry)

    def _meet(self, code: CodeType, frame: FrameType) -> bool:
        """Looks at code that starts for the first time. Whether that start may be forgotten, for it is out of scope."""
        if registry.is_import(code, frame):
            if self._auditor is not None:
                self._auditor.imported(frame)
            return True
        try:
            entry = registry.meet(code, frame.f_globals)
            if not registry.wanted(code, self._scope):
                return True
            self.arm(code, entry)
        except RecursionError:
            pass  # the test is deep down in a recursion of its own: the next start will do
        except ValueError:
            if not self.closed:  # and the tool given back
                raise
        return False

    def _make_start(self, opportunity: Callable[[], None] | None) -> Callable[[CodeType, int], object]:
        disable = _monitoring.DISABLE
        handlers, get_ident = self._handlers, real.get_ident

        def on_start(code: CodeType, offset: int) -> object:
            if id(code) not in handlers:
                if self._meet(code, sys._getframe(1)):
                    # Whoever wrote it, the interpreter may switch where it starts. (Ours stands for C, mostly.)
                    if opportunity is None or code.co_filename.startswith(OWN):
                        return disable
                elif self.closed or id(code) not in handlers:
                    return None
            if opportunity is None:
                return disable
            thread = current.thread
            if thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident():
                opportunity()
            return None

        return on_start

    def _make_instruction(self) -> Callable[[CodeType, int], object]:
        disable, get_frame, get_ident = _monitoring.DISABLE, sys._getframe, real.get_ident
        handlers, listener = self._handlers, self._listener

        def on_instruction(code: CodeType, offset: int) -> object:
            try:
                handler = handlers[id(code)][offset]
            except KeyError:
                return disable
            thread = current.thread
            mine = thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident()
            if mine or (current.strays and current.come_back()):
                handler(get_frame(1), listener)
            return None

        return on_instruction

    def _make_call(self, depth: int = 1) -> Callable[[CodeType, int, object, object], object]:
        """``depth``: how many frames below the callback the code is that calls."""
        disable, get_frame, get_ident = _monitoring.DISABLE, sys._getframe, real.get_ident
        calls, listener = self._calls, self._listener

        def on_call(code: CodeType, offset: int, function: object, first: object) -> object:
            try:
                handler = calls[id(code)][offset]
            except KeyError:
                return disable
            thread = current.thread
            if thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident():
                handler(get_frame(depth), function, first, listener)
            return None

        return on_call

    def _with_opportunities(self, opportunity: Callable[[], None]) -> list[tuple[Any, Callable[..., object]]]:
        events = _monitoring.events
        get_ident = real.get_ident

        def on_return(code: CodeType, offset: int, function: object, first: object) -> None:
            thread = current.thread
            if thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident():
                opportunity()

        return [
            (events.INSTRUCTION, self._make_instruction_with(opportunity)),
            (events.CALL, self._make_call_with(opportunity)),
            (events.C_RETURN, on_return),
        ]

    def _make_call_with(
        self, opportunity: Callable[[], None], depth: int = 1
    ) -> Callable[[CodeType, int, object, object], object]:
        get_frame, get_ident = sys._getframe, real.get_ident
        calls, listener = self._calls, self._listener

        def on_call(code: CodeType, offset: int, function: object, first: object) -> None:
            thread = current.thread
            if thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident():
                handler = calls[id(code)].get(offset)
                if handler is not None:
                    handler(get_frame(depth), function, first, listener)
                # A function in Python may be switched away from where it begins, one in C only after it returned.
                if type(function) in (FunctionType, MethodType) or attributes.is_python_class(function):
                    opportunity()

        return on_call

    def _make_instruction_with(self, opportunity: Callable[[], None]) -> Callable[[CodeType, int], object]:
        disable, get_frame, get_ident = _monitoring.DISABLE, sys._getframe, real.get_ident
        handlers, backward, listener = self._handlers, self._backward, self._listener

        def on_instruction(code: CodeType, offset: int) -> object:
            number = id(code)
            if number not in handlers:
                return None  # of an item that is over; the thread that is here has nothing to do with this one
            handler = handlers[number].get(offset)
            back = offset in backward[number]
            if handler is None and not back:
                return disable
            thread = current.thread
            mine = thread is not None and current.concurrent and not thread.quiet and thread.ident == get_ident()
            if not mine and not (current.strays and current.come_back()):
                return None
            if back or (handler is not None and handler(get_frame(1), listener)):
                opportunity()
            return None

        return on_instruction
