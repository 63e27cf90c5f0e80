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
    if not _KILLS or not code.co_cellvars or _PUT_ASIDE not in code.co_code[::2]:
        return _NONE
    names = (*code.co_varnames, *(name for name in code.co_cellvars if name not in code.co_varnames))
    aside = {each.arg or 0 for each in dis.get_instructions(code) if each.opcode == _PUT_ASIDE}
    return frozenset(code.co_cellvars).intersection(name for number, name in enumerate(names) if number in aside)


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
