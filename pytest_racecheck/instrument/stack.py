"""What an instruction is about to use, read from the evaluation stack of the running frame.

What a call, a property or ``a or b`` came to stands nowhere else, and can't be evaluated again without side effects.
How deep the stack is at an instruction follows from the code; where it lies is the same on all versions of CPython
that are supported, which is tried out before anything is read there.
"""

from __future__ import annotations

import ctypes
import dis
import functools
import sys
from collections import OrderedDict, defaultdict, deque
from sys import getrefcount
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument import opcodes
from pytest_racecheck.instrument.attributes import one_of
from pytest_racecheck.instrument.containers import container_of

if TYPE_CHECKING:
    from pytest_racecheck.instrument.bytecode import Instruction
    from pytest_racecheck.instrument.paths import Getter, Locals

#: An address, shifted by so much, is the number of a word.
_WORD: Final = 3
#: All of memory, word by word: indexing is the fastest way to read one. None where a word is not of 64 bits.
_ALL: Final = 1 << (48 - _WORD) if sys.maxsize >> 32 else 0
_addresses: Final[Any] = (ctypes.c_void_p * _ALL).from_address(0)
_objects: Final[Any] = (ctypes.py_object * _ALL).from_address(0)

#: In which word of a frame object the address of what the interpreter works on is: behind its header and ``f_back``.
_INNER: Final = (object.__basicsize__ >> _WORD) + 1
#: In which word of that its code is, and where its local variables begin; the stack lies behind them.
_CODE: Final = 0 if sys.version_info >= (3, 12) else 4
_VARIABLES: Final = 9

_CACHE: Final = dis.opmap["CACHE"]
_JUMPS: Final = frozenset(dis.hasjrel)
_ENDS: Final = frozenset(
    dis.opmap[name]
    for name in (
        *("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"),
        *("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"),
    )
    if name in dis.opmap
)
#: So often is an object referred to that the interpreter alone knows: from its stack or by another such object, from a
#: variable of who looks at it, and by the call that counts.
PRIVATE: Final = 3
_EMPTY: Final[dict[int, int]] = {}
_CONTAINERS: Final[frozenset[type]] = frozenset(
    {list, dict, set, deque, OrderedDict, defaultdict}
    | {type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items())}
)

#: Where a generator begins, what was sent is on its stack, of which 3.11 and 3.12 do not count.
_BEGINS: Final = dis.opmap["RETURN_GENERATOR"]


class Stack:
    """Makes getters for what lies on the stack where a code object has come to an instruction."""

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._depths: dict[int, int] | None = None

    def argument(self, instruction: Instruction, number: int) -> Getter | None:
        """A getter for positional argument ``number`` of a call."""
        if instruction.opname == "CALL_FUNCTION_EX":
            return None
        if not opcodes.CALL_EVENTS:
            return self.getter(instruction, -number)  # they count as gone once PRECALL has run, and are still there
        return self.getter(instruction, instruction.arg - number + (instruction.opname == "CALL_KW"))

    def getter(self, instruction: Instruction, place: int = 1, *, shared_only: bool = True) -> Getter | None:
        """A getter for what is at ``place`` from the top, 1, right before ``instruction``; None if it can't be told.

        ``shared_only``: it finds None where nobody else knows the container that is there.
        """
        if not works():
            return None
        if self._depths is None:
            self._depths = depths(self._code)
        depth = self._depths.get(instruction.offset)
        if depth is None or depth < place:
            return None
        return _getter(_variables(self._code) + depth - place, shared_only)


def _getter(number: int, shared_only: bool = False) -> Getter:
    """Finds what is in a frame after so many others, local variables among them."""
    addresses, objects, inner, word, behind = _addresses, _objects, _INNER, _WORD, _VARIABLES + number

    def on_stack(frame: FrameType, variables: Locals) -> object:
        try:
            value = objects[(addresses[(id(frame) >> word) + inner] >> word) + behind]
        except (ValueError, IndexError):  # nothing is there
            return UNKNOWN
        if shared_only and getrefcount(value) <= PRIVATE and one_of(type(value), _CONTAINERS):
            owner = container_of(value)
            if owner is value or getrefcount(owner) <= PRIVATE:
                return None  # to tell of it would keep it
        return value

    return on_stack


def _variables(code: CodeType) -> int:
    """How many variables there are in a frame of ``code``."""
    return len(code.co_varnames) + len(code.co_freevars) + len(set(code.co_cellvars).difference(code.co_varnames))


def depths(code: CodeType) -> dict[int, int]:
    """How much is on the stack right before each instruction, by its offset; empty if that depends on the way there."""
    raw = code.co_code
    table: Any = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    found = {0: 0}
    ways = [0]

    def go_on(offset: int, depth: int) -> bool:
        if offset not in found:
            found[offset] = depth
            ways.append(offset)
        return found[offset] == depth

    agreed = [go_on(entry.target, entry.depth + entry.lasti + 1) for entry in table]
    while ways:
        start = offset = ways.pop()
        depth, argument = found[start], raw[start + 1]
        while raw[offset] == dis.EXTENDED_ARG:
            offset += 2
            argument = argument << 8 | raw[offset + 1]
            found[offset] = depth
        operation, after = raw[offset], offset + 2
        while after < len(raw) and raw[after] == _CACHE:
            after += 2
        given = argument if operation >= dis.HAVE_ARGUMENT else None
        if operation in _JUMPS:
            way = -argument if "BACKWARD" in dis.opname[operation] else argument
            agreed.append(go_on(after + 2 * way, depth + dis.stack_effect(operation, given, jump=True)))
        if operation not in _ENDS and after < len(raw):
            effect = 1 if operation == _BEGINS else dis.stack_effect(operation, given, jump=False)
            agreed.append(go_on(after, depth + effect))
    fits = all(agreed) and all(0 <= depth <= code.co_stacksize for depth in found.values())
    return found if fits else {}


@functools.cache
def works() -> bool:
    """Whether this interpreter keeps its stack where it is looked for."""
    if sys.implementation.name != "cpython" or not (3, 11) <= sys.version_info < (3, 14) or not _ALL:
        return False
    frame = sys._getframe()
    inner = _addresses[(id(frame) >> _WORD) + _INNER]
    if not inner or _addresses[(inner >> _WORD) + _CODE] != id(frame.f_code):
        return False
    mark = object()
    return (mark, _lowest(sys._getframe()))[1] is mark


def _lowest(frame: FrameType) -> object:
    """What lies at the bottom of the stack of ``frame``."""
    return _getter(_variables(frame.f_code))(frame, {})
