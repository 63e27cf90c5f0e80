"""Makes the plan of a code object: for each instruction that may touch shared memory, a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.instrument import (
    calls,
    opcodes,
    plan_calls,
    plan_containers,
    plan_fields,
    plan_loops,
    plan_match,
    windows,
)
from pytest_racecheck.instrument.bytecode import Instruction, instructions
from pytest_racecheck.instrument.context import Accesses, Context
from pytest_racecheck.instrument.patience import Patience
from pytest_racecheck.instrument.scope import CALLS, EVERYTHING
from pytest_racecheck.instrument.whole_handlers import together

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from pytest_racecheck.instrument.calls import CallHandler
    from pytest_racecheck.instrument.handlers import Handler
    from pytest_racecheck.instrument.source import SourceFile


class Plan:
    """What to do at which offset of one code object. Holds no reference to the code."""

    __slots__ = (
        "_firsts",
        "_lasts",
        "_watched",
        "accesses",
        "after_calls",
        "audited",
        "backward",
        "calls",
        "cells",
        "handlers",
        "patience",
    )

    def __init__(self, code: CodeType, source: SourceFile | None, firsts: list[int], lasts: list[int]) -> None:
        #: The first instruction that a call runs, past the preamble; those with which a generator goes on.
        self._firsts = firsts
        #: Those that return or yield.
        self._lasts = lasts
        self._watched = False
        self.accesses = Accesses(code, source)
        self.handlers: dict[int, Handler] = {}
        self.patience = Patience(self.handlers)
        #: Calls that the interpreter reports by events of their own.
        self.calls: dict[int, CallHandler] = {}
        #: All calls, where it does not, for the audit.
        self.audited: dict[int, Callable[[FrameType], tuple[object, object]]] = {}
        #: Ends of loops, and what follows a call: where a build with a GIL may switch.
        self.backward: set[int] = set()
        self.after_calls: set[int] = set()
        #: Has variables that inner functions share, or shares some itself.
        self.cells = bool(code.co_cellvars or code.co_freevars)

    @property
    def watched(self) -> bool:
        """Whether it has become the plan of one code object alone."""
        return self._watched

    def watch(self, number: int) -> bool:
        """Makes the code, which is at address ``number``, begin and end with what :mod:`windows` expects of it.

        Returns False if it did so already.
        """
        if self._watched:
            return False
        self._watched = True
        for first in self._firsts:
            self.handlers[first] = windows.entry(number, self.handlers.get(first))
        for last in self._lasts:
            self.handlers[last] = windows.end(number, self.handlers.get(last))
        return True


def make_plan(code: CodeType, source: SourceFile | None, only: frozenset[str] | None) -> Plan:
    """The plan of ``code``; ``only`` limits it to what `scope.special_attributes` names."""
    listing = instructions(code)
    starts = [number for number, each in enumerate(listing) if each.opname == "RESUME"] or [-1]
    lasts = [each.offset for each in listing if each.opname in opcodes.ENDS]
    plan = Plan(code, source, [listing[start + 1].offset for start in starts], lasts)
    context = Context(code, source, plan.accesses, plan.patience)
    after_call = False
    for instruction in listing:
        if after_call:
            plan.after_calls.add(instruction.offset)
        after_call = instruction.opname in opcodes.CALLS
        if instruction.opname in opcodes.BACKWARD:
            plan.backward.add(instruction.offset)
        handler = _handler(plan, context, instruction, source, only)
        if handler is not None:
            plan.handlers[instruction.offset] = handler
        if instruction.opname not in ("COPY", "NOP", "PRECALL"):
            context.before = instruction
    return plan


def _handler(
    plan: Plan, context: Context, instruction: Instruction, source: SourceFile | None, only: frozenset[str] | None
) -> Handler | None:
    opname = instruction.opname
    every_call = only is not None and CALLS in only
    if only is not None and EVERYTHING not in only:
        is_named = opname in opcodes.ATTRIBUTES and instruction.name in only
        if not (is_named or (every_call and opname in opcodes.CALLS)):
            return None
    make = plan_fields.MAKERS.get(opname)
    if make is not None:
        return make(context, instruction, source)
    if opname in opcodes.CALLS:
        return _call(plan, context, instruction, source, every_call)
    if source is not None:
        matching = plan_match.plan_match(context, instruction, source)
        if matching is not None:
            return matching
    plan_container = plan_containers.MAKERS.get(opname) or plan_loops.MAKERS.get(opname)
    return plan_container(context, instruction, source) if plan_container is not None and source is not None else None


def _call(
    plan: Plan, context: Context, instruction: Instruction, source: SourceFile | None, every: bool
) -> Handler | None:
    call = plan_calls.plan_call(context, instruction, source, every=every)
    parts = [plan_containers.plan_star(context, instruction, source)]
    if opcodes.CALL_EVENTS and call is not None:
        plan.calls[instruction.offset] = call.handler
    elif call is not None:
        parts.append(call.traced())
    look = plan_calls.plan_look(context, instruction, source)
    if look is not None and not opcodes.CALL_EVENTS:
        plan.audited[instruction.offset] = look
    elif look is not None and instruction.opname in opcodes.SILENT_CALLS:
        parts.append(calls.silent_call(look))
    found = [each for each in parts if each is not None]
    return together(found) if found else None
