"""Makes the plan of a code object: for each instruction that may touch shared memory, a handler."""

from __future__ import annotations

import ast
import sys
from types import CodeType
from typing import Any, Final

from pytest_racecheck.engine.operation import Access, Site
from pytest_racecheck.instrument import calls, containers, handlers
from pytest_racecheck.instrument.bytecode import Instruction, instructions, local_pair
from pytest_racecheck.instrument.containers import AccessKind
from pytest_racecheck.instrument.handlers import Handler
from pytest_racecheck.instrument.paths import Getter, Paths
from pytest_racecheck.instrument.source import SourceFile, function_name

_OPTIMIZED: Final = 0x1

_ATTRIBUTE_READS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_ATTRIBUTE_WRITES: Final = frozenset({"STORE_ATTR", "DELETE_ATTR"})
_GLOBAL_READS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_GLOBAL_WRITES: Final = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "DELETE_NAME"})
_CELL_READS: Final = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_CELL_WRITES: Final = frozenset({"STORE_DEREF", "DELETE_DEREF"})
_ITEMS: Final = {
    "BINARY_SUBSCR": ("read", "__getitem__"),
    "BINARY_SLICE": ("read", "__getitem__"),
    "STORE_SUBSCR": ("write", "__setitem__"),
    "STORE_SLICE": ("write", "__setitem__"),
    "DELETE_SUBSCR": ("write", "__delitem__"),
}
_CALLS: Final = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX"})
_SPREADS: Final = frozenset({"LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE", "UNPACK_SEQUENCE", "UNPACK_EX"})
_FORMATS: Final = frozenset({"FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "CONVERT_VALUE"})
_TESTS: Final = frozenset(
    {"TO_BOOL"}
    if sys.version_info >= (3, 13)
    else {
        "UNARY_NOT",
        "POP_JUMP_IF_TRUE",
        "POP_JUMP_IF_FALSE",
        "POP_JUMP_FORWARD_IF_TRUE",
        "POP_JUMP_FORWARD_IF_FALSE",
        "POP_JUMP_BACKWARD_IF_TRUE",
        "POP_JUMP_BACKWARD_IF_FALSE",
        "JUMP_IF_TRUE_OR_POP",
        "JUMP_IF_FALSE_OR_POP",
    }
)
_LOADS: Final = frozenset(
    {"LOAD_FAST", "LOAD_FAST_CHECK", "BINARY_SUBSCR", *_ATTRIBUTE_READS, *_GLOBAL_READS, *_CELL_READS}
)
_BACKWARD: Final = frozenset(
    {"JUMP_BACKWARD", "POP_JUMP_BACKWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE"}
    | {"POP_JUMP_BACKWARD_IF_NONE", "POP_JUMP_BACKWARD_IF_NOT_NONE"}
)
_COMPREHENSIONS: Final = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
_UNBOUND: Final = frozenset({"list", "dict", "set", "object", "type", "bytearray", "deque", "OrderedDict", "defaultdict"})
_OPERATORS: Final = (ast.Add, ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub, ast.Mult)

#: Where FOR_ITER is said to stand.
_LOOP_AT_STATEMENT: Final = sys.version_info < (3, 13)

#: The interpreter tells what is called by an event of its own.
CALL_EVENTS: Final = sys.version_info >= (3, 12)


class Plan:
    """What to do at which offset of one code object. Holds no reference to the code."""

    __slots__ = ("after_calls", "backward", "calls", "cells", "handlers")

    def __init__(self) -> None:
        self.handlers: dict[int, Handler] = {}
        #: Calls that the interpreter reports by events of their own.
        self.calls: dict[int, calls.CallHandler] = {}
        #: Ends of loops, and what follows a call: where a build with a GIL may switch.
        self.backward: set[int] = set()
        self.after_calls: set[int] = set()
        #: Has variables that inner functions share, or shares some itself.
        self.cells = False


def make_plan(code: CodeType, source: SourceFile | None, only: frozenset[str] | None) -> Plan:
    """The plan of ``code``; ``only`` limits it to attributes of these names."""
    return _Planner(code, source, only).plan


class _Planner:
    def __init__(self, code: CodeType, source: SourceFile | None, only: frozenset[str] | None) -> None:
        self.plan = Plan()
        self.plan.cells = bool(code.co_cellvars or code.co_freevars)
        self._code = code
        self._file = code.co_filename
        self._source = source
        self._only = only
        self._function = function_name(code.co_qualname)
        self._paths = Paths(code, source.variables if source is not None else None)
        self._accesses: dict[tuple[object, str, str, bool], Access] = {}
        self._sites: dict[object, Site] = {}
        self._loops: dict[ast.AST, int] = {}
        self._first_loop = code.co_name in _COMPREHENSIONS
        self._before: Instruction | None = None
        after_call = False
        for instruction in instructions(code):
            if after_call:
                self.plan.after_calls.add(instruction.offset)
            after_call = instruction.opname in _CALLS
            if instruction.opname in _BACKWARD:
                self.plan.backward.add(instruction.offset)
            handler = self._handler(instruction)
            if handler is not None:
                self.plan.handlers[instruction.offset] = handler
            if instruction.opname not in ("COPY", "NOP", "PRECALL"):
                self._before = instruction
        # Handlers keep this object, which makes their accesses: it must not keep the code alive.
        del self._code

    def _handler(self, instruction: Instruction) -> Handler | None:
        opname = instruction.opname
        if opname in _ATTRIBUTE_READS or opname in _ATTRIBUTE_WRITES:
            if self._only is not None and instruction.name not in self._only:
                return None
            return self._attribute(instruction, opname in _ATTRIBUTE_READS)
        if self._only is not None:
            return None
        if opname in _GLOBAL_READS or opname in _GLOBAL_WRITES:
            return self._global(instruction, "read" if opname in _GLOBAL_READS else "write")
        if opname in _CELL_READS or opname in _CELL_WRITES:
            return self._cell(instruction, "read" if opname in _CELL_READS else "write")
        if opname in _ITEMS:
            return self._item(instruction)
        if self._source is None:
            return self._call_without_source(instruction) if opname in _CALLS else None
        if opname in _CALLS:
            return self._call(instruction, self._source)
        if opname == "FOR_ITER":
            return self._loop(instruction, self._source)
        if opname == "CONTAINS_OP":
            return self._contains(instruction, self._source)
        if opname in ("COMPARE_OP", "BINARY_OP"):
            return self._operator(instruction, self._source)
        if opname in _TESTS:
            return self._test(instruction, self._source)
        if opname in _SPREADS:
            node = self._operand(self._source)
            return self._whole(node, "unpack", node) if node is not None else None
        if opname in _FORMATS:
            return self._format(instruction, self._source)
        return None

    # Accesses

    def _access(self, node: ast.expr | Instruction, kind: AccessKind, name: str, container: bool = False) -> Access:
        key = node.position if isinstance(node, Instruction) else node
        access = self._accesses.get((key, kind, name, container))
        if access is None:
            access = Access(self._site(node), kind, name, container)
            self._accesses[key, kind, name, container] = access
        return access

    def _site(self, node: ast.expr | Instruction) -> Site:
        key = node.position if isinstance(node, Instruction) else node
        site = self._sites.get(key)
        if site is None:
            if self._source is not None and not isinstance(node, Instruction):
                site = self._source.site(node, self._function)
            else:
                position: Any = node.position  # type: ignore[union-attr]
                line, end_line, column, end_column = (0 if part is None else part for part in position)
                site = Site(self._file, line, column, end_line, end_column, self._function, "")
            self._sites[key] = site
        return site

    # Attributes, variables, items

    def _attribute(self, instruction: Instruction, read: bool) -> Handler | None:
        name = instruction.name
        if name.startswith("__") and name.endswith("__"):
            return None
        node: ast.expr | Instruction = instruction
        variable: str | None = None
        receiver: Getter | None = None
        called = instruction.opname == "LOAD_METHOD" or (CALL_EVENTS and bool(instruction.arg & 1))
        if self._source is not None:
            found = self._source.attribute(instruction.position, name)
            if found is None or _is_super(found.value):
                return None  # not written by the user: rewritten assertions, or a method looked up by super()
            node = found
            called = found in self._source.called
            if called and name in containers.METHOD_NAMES:
                return None  # what matters happens at the call
            variable = self._paths.local(found.value)
            receiver = self._paths.getter(found.value)
        elif self._before is not None and self._before.opname == "LOAD_FAST":
            variable = self._before.name
            receiver = self._paths.getter(ast.Name(variable, ast.Load()))
        if not read:
            return handlers.write_attribute(self._access(node, "write", name), receiver, name)
        access, update = self._access(node, "read", name), self._access(node, "update", name)
        if variable is not None:
            return handlers.read_local_attribute(access, update, variable, name, called)
        return handlers.read_attribute(access, update, receiver, name, called)

    def _global(self, instruction: Instruction, kind: AccessKind) -> Handler | None:
        name = instruction.name
        if self._source is None:
            return handlers.unknown_global(self._access(instruction, kind, name), name)
        node = self._source.node(instruction.position, ast.Name)
        if node is None or node.id != name or not self._source.variables.global_matters(name):
            return None
        access = self._access(node, kind, name)
        if instruction.opname.endswith("_GLOBAL"):
            return handlers.global_variable(access, name)
        return handlers.module_level_name(access, name)

    def _cell(self, instruction: Instruction, kind: AccessKind) -> Handler | None:
        node = self._source.node(instruction.position, ast.Name) if self._source is not None else None
        if node is None or self._source is None:
            return None
        owner = self._source.variables.closure(node)
        return handlers.closure_variable(self._access(node, kind, node.id), owner, node.id) if owner else None

    def _item(self, instruction: Instruction) -> Handler | None:
        kind: Any
        kind, method = _ITEMS[instruction.opname]
        node: ast.expr | Instruction = instruction
        container = key = None
        if self._source is not None:
            found = self._source.node(instruction.position, ast.Subscript)
            if found is None or _is_fresh(found.value):
                return None
            node = found
            container = self._paths.getter(found.value)
            key = self._paths.getter(found.slice) if not isinstance(found.slice, ast.Slice) else None
            if isinstance(found.slice, ast.Tuple):
                key = self._paths.tuple_getter(found.slice)
        update = self._access(node, "update", "[]", True) if key is not None and kind == "read" else None
        return handlers.item(self._access(node, kind, "[]", True), update, container, key, method)

    # Operations on whole containers

    def _whole(self, node: ast.expr, name: str, *operands: ast.expr) -> Handler | None:
        getters = [getter for getter in map(self._paths.getter, operands) if getter is not None]
        if not getters or all(isinstance(operand, ast.Constant) for operand in operands):
            return None
        access = self._access(node, "read", name, True)
        return handlers.whole(access, getters[0]) if len(getters) == 1 else handlers.two_wholes(access, *getters[:2])

    def _loop(self, instruction: Instruction, source: SourceFile) -> Handler | None:
        # 3.13 puts the instruction where the iterable stands, older versions where the loop or comprehension does.
        node = source.node(instruction.position, ast.For, *_COMPREHENSION_NODES) if _LOOP_AT_STATEMENT else None
        if node is None:
            pair = source.iterated.get(instruction.position)
            if pair is None:
                return None
        else:
            number = self._loops[node] = self._loops.get(node, -1) + 1
            if isinstance(node, ast.For):
                pair = (node.iter, node.target)
            else:
                generator = node.generators[number % len(node.generators)]  # type: ignore[attr-defined]
                pair = (generator.iter, generator.target)
        iterated, target = pair
        operands: tuple[Getter, ...]
        made_here = self._first_loop
        if self._first_loop:
            # The interpreter made the iterator outside and passes it as a hidden argument.
            self._first_loop = False
            if _is_fresh(iterated) or not (self._code.co_name == "<genexpr>" or self._operands(iterated)):
                return None
            operands = (lambda frame, variables: variables.get(".0"),)
        else:
            if _names(iterated) & _names(target):
                return None  # what stands here means something else after the first turn
            operands = self._operands(iterated)
        if not operands:
            return None
        access, update = (self._access(iterated, kind, "iter", True) for kind in ("read", "update"))
        return handlers.next_item(access, update, operands, made_here)

    def _operands(self, node: ast.expr, depth: int = 3) -> tuple[Getter, ...]:
        """Getters for the containers that iterating over ``node`` looks into."""
        if isinstance(node, ast.Call) and depth:
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr in containers.VIEWS and not node.args:
                return self._operands(function.value, depth - 1)
            if isinstance(function, ast.Name) and function.id in containers.WRAPPERS:
                skipped = 1 if function.id in ("map", "filter") else 0
                return tuple(getter for part in node.args[skipped:] for getter in self._operands(part, depth - 1))
            return ()
        getter = self._paths.getter(node)
        return (getter,) if getter is not None and not isinstance(node, ast.Constant) else ()

    def _contains(self, instruction: Instruction, source: SourceFile) -> Handler | None:
        node = source.node(instruction.position, ast.Compare)
        if node is None:
            return None
        places = [number for number, operator in enumerate(node.ops) if isinstance(operator, ast.In | ast.NotIn)]
        number = self._loops[node] = self._loops.get(node, -1) + 1
        place = places[number % len(places)]
        left = node.comparators[place - 1] if place else node.left
        operands = self._operands(node.comparators[place])
        if not operands:
            return None
        return handlers.contains(self._access(node, "read", "in", True), operands[0], self._paths.getter(left))

    def _operator(self, instruction: Instruction, source: SourceFile) -> Handler | None:
        node = source.node(instruction.position, ast.Compare, ast.BinOp, ast.AugAssign)
        if isinstance(node, ast.AugAssign):
            getter = self._paths.getter(node.target)
            if getter is None or isinstance(node.value, ast.Constant) or not isinstance(node.op, _OPERATORS):
                return None
            return handlers.in_place(self._access(node.target, "update", "in place", True), getter)
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, _OPERATORS):
                return None
            operands = [node.left, node.right]
        elif isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
        else:
            return None
        if any(isinstance(operand, ast.Constant | ast.JoinedStr) for operand in operands):
            return None  # compared with, or added to, what is no container
        return self._whole(node, "compare" if isinstance(node, ast.Compare) else "operator", *operands)

    def _test(self, instruction: Instruction, source: SourceFile) -> Handler | None:
        node: ast.expr | None = None
        if instruction.opname == "UNARY_NOT":
            negation = source.node(instruction.position, ast.UnaryOp)
            node = negation.operand if negation is not None else None
        node = node or self._operand(source)
        pair = local_pair(self._code, self._before) if self._before is not None else None
        if pair is not None:
            # One instruction pushed two variables, and the second is tested.
            found = source.node(instruction.position, ast.Name, ast.BoolOp)
            for part in found.values if isinstance(found, ast.BoolOp) else (found,):
                if isinstance(part, ast.Name) and part.id == pair[1]:
                    node = part
        return self._whole(node, "bool", node) if node is not None else None

    def _format(self, instruction: Instruction, source: SourceFile) -> Handler | None:
        # Before 3.12, every part of an f-string stands where the whole does.
        replaced = source.node(instruction.position, ast.FormattedValue) if CALL_EVENTS else None
        if replaced is None:
            node = self._operand(source)
        else:
            node = replaced.value if replaced.format_spec is None else None
        return self._whole(node, "format", node) if isinstance(node, _SIMPLE) else None

    def _operand(self, source: SourceFile) -> ast.expr | None:
        """The expression whose value the previous instruction pushed."""
        before = self._before
        if before is None or before.opname not in _LOADS:
            return None
        if before.opname in _ATTRIBUTE_READS:
            return source.attribute(before.position, before.name)
        node = source.node(before.position, ast.Name, ast.Subscript)
        if node is None and before.name.startswith("@py"):
            rewritten = source.node(before.position, ast.Assert)
            if rewritten is not None and isinstance(rewritten.test, ast.Attribute | ast.Subscript):
                return rewritten.test
        return node

    # Calls

    def _call(self, instruction: Instruction, source: SourceFile) -> Handler | None:
        node = source.node(instruction.position, ast.Call)
        if node is None:
            return None
        function = node.func
        if isinstance(function, ast.Attribute):
            if function.attr not in _METHODS:
                return None
        elif not (isinstance(function, ast.Name) and self._may_be_known(function.id, source)):
            return None
        elif function.id in containers.FUNCTION_NAMES and node.args and isinstance(node.args[0], _NO_CONTAINER):
            return None
        unbound = (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id in _UNBOUND
        )
        arguments: list[Getter | None] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                break
            operands = self._operands(argument)
            getter = self._paths.getter(argument)
            arguments.append(getter if getter is not None else operands[0] if operands else None)
        site = calls.CallSite(
            lambda kind, name, container: self._access(node, kind, name, container), tuple(arguments), unbound
        )
        handler = calls.call(site)
        if CALL_EVENTS:
            self.plan.calls[instruction.offset] = handler
            return None
        if isinstance(function, ast.Attribute):
            return calls.traced_call(site, handler, None, function.attr, self._receiver(function.value))
        return calls.traced_call(site, handler, self._paths.getter(function), "", _unknown)

    def _receiver(self, node: ast.expr) -> Getter:
        if _is_super(node) and self._code.co_argcount:
            return calls.super_receiver(self._code.co_varnames[0])
        if _is_fresh(node):
            return lambda frame, variables: None
        getter = self._paths.getter(node)
        return getter if getter is not None else _unknown

    def _may_be_known(self, name: str, source: SourceFile) -> bool:
        if name in containers.FUNCTION_NAMES or name in calls.ATTRIBUTE_NAMES:
            return True
        if self._paths.local(ast.Name(name, ast.Load())) is not None:
            return True
        return source.variables.global_matters(name)

    def _call_without_source(self, instruction: Instruction) -> Handler | None:
        if CALL_EVENTS:
            site = calls.CallSite(
                lambda kind, name, container: self._access(instruction, kind, name, container), (), False
            )
            self.plan.calls[instruction.offset] = calls.call(site)
        return None


_COMPREHENSION_NODES: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NO_CONTAINER: Final = (ast.Constant, ast.JoinedStr)
_SIMPLE: Final = (ast.Name, ast.Attribute, ast.Subscript)
_METHODS: Final = containers.METHOD_NAMES | containers.FUNCTION_NAMES | calls.ATTRIBUTE_METHODS


def _unknown(frame: object, variables: object) -> object:
    from pytest_racecheck.engine.operation import UNKNOWN

    return UNKNOWN


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _is_fresh(node: ast.expr) -> bool:
    """Whether the value of ``node`` was just made, so that no other thread can have it."""
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name):
            return function.id in containers.FRESH_FUNCTIONS and function.id not in containers.WRAPPERS
        return isinstance(function, ast.Attribute) and function.attr in containers.FRESH_METHODS
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.Tuple | ast.Constant | ast.JoinedStr | ast.ListComp)


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
