"""Local variables that kill the interpreter when they are looked at by ``f_locals``, and another way to read them.

CPython 3.13.0 to 3.13.2 takes the variable of a comprehension for a cell if functions share a variable of that name
outside of the comprehension, and follows whatever it holds as if it were one.
"""

from __future__ import annotations

import ctypes
import dis
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import CodeType, FrameType

_KILLS: Final = (3, 13) <= sys.version_info < (3, 13, 3)
#: Puts a variable aside for as long as a comprehension has one of the same name.
_PUT_ASIDE: Final = dis.opmap.get("LOAD_FAST_AND_CLEAR", -1)
_NONE: Final[frozenset[str]] = frozenset()


def unreadable(code: CodeType) -> frozenset[str]:
    """The variables of ``code`` that must not be read by ``f_locals``."""
    if not _KILLS or not code.co_cellvars or _PUT_ASIDE not in (bytecode := code.co_code)[::2]:
        return _NONE
    names = (*code.co_varnames, *(name for name in code.co_cellvars if name not in code.co_varnames))
    return frozenset(code.co_cellvars).intersection(names[number] for number in _put_aside(bytecode))


def _put_aside(bytecode: bytes) -> set[int]:
    """The numbers of these variables. `dis` takes a hundred times as long, and names are looked for often."""
    found, upper = set(), 0
    for opcode, lower in zip(bytecode[::2], bytecode[1::2], strict=True):
        argument = upper | lower
        if opcode == _PUT_ASIDE:
            found.add(argument)
        upper = argument << 8 if opcode == dis.EXTENDED_ARG else 0
    return found


def read(frame: FrameType, name: str) -> Any:
    """The value of an unreadable variable; KeyError if it has none."""
    try:
        return _get(frame, name)
    except NameError:
        raise KeyError(name) from None


def variables(frame: FrameType) -> dict[str, Any]:
    """All variables of ``frame`` with their values, as they are now."""
    hidden = unreadable(frame.f_code)
    if not hidden:
        return dict(frame.f_locals)
    found = {}
    code = frame.f_code
    for name in dict.fromkeys(code.co_varnames + code.co_cellvars + code.co_freevars):
        try:
            found[name] = read(frame, name) if name in hidden else frame.f_locals[name]
        except KeyError:
            continue
    return found


def _reader() -> Any:
    function = ctypes.PyDLL(None).PyFrame_GetVar  # a library of our own: what others set on `pythonapi` is theirs
    function.argtypes = [ctypes.py_object, ctypes.py_object]
    function.restype = ctypes.py_object
    return function


_get: Final[Any] = _reader() if _KILLS else None
