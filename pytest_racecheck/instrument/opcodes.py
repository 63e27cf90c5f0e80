"""Instructions by what they do, over all versions of Python that are supported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.instrument.effects import AccessKind

ATTRIBUTE_READS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
ATTRIBUTE_WRITES: Final = frozenset({"STORE_ATTR", "DELETE_ATTR"})
GLOBAL_READS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
GLOBAL_WRITES: Final = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "DELETE_NAME"})
CELL_READS: Final = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
CELL_WRITES: Final = frozenset({"STORE_DEREF", "DELETE_DEREF"})

#: Of these the kind of access follows from the table.
ATTRIBUTES: Final = ATTRIBUTE_READS | ATTRIBUTE_WRITES
GLOBALS: Final = GLOBAL_READS | GLOBAL_WRITES
CELLS: Final = CELL_READS | CELL_WRITES
READS: Final = ATTRIBUTE_READS | GLOBAL_READS | CELL_READS

#: The kind of access, and the special method that ends up in C.
ITEMS: Final[dict[str, tuple[AccessKind, str]]] = {
    "BINARY_SUBSCR": ("read", "__getitem__"),
    "BINARY_SLICE": ("read", "__getitem__"),
    "STORE_SUBSCR": ("write", "__setitem__"),
    "STORE_SLICE": ("write", "__setitem__"),
    "DELETE_SUBSCR": ("write", "__delitem__"),
}

#: A generic call: what is called, and with what, is on the stack.
CALLS: Final = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX"})
#: Take all items of the value that was pushed last.
SPREADS: Final = frozenset({"LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE", "UNPACK_SEQUENCE", "UNPACK_EX"})
#: Make a text of the value that was pushed last.
FORMATS: Final = frozenset({"FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "CONVERT_VALUE"})
#: Ask the value that was pushed last for its truth.
TESTS: Final = frozenset(
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
#: Push the value of an expression that can be evaluated again.
LOADS: Final = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "BINARY_SUBSCR", *READS})
#: End a turn of a loop.
BACKWARD: Final = frozenset(
    {"JUMP_BACKWARD", "POP_JUMP_BACKWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE"}
    | {"POP_JUMP_BACKWARD_IF_NONE", "POP_JUMP_BACKWARD_IF_NOT_NONE"}
)
#: Give back what the code has come to.
ENDS: Final = frozenset({"RETURN_VALUE", "RETURN_CONST", "YIELD_VALUE"})
#: FOR_ITER is said to stand where the whole loop or comprehension does; since 3.13, where its iterable does.
LOOP_AT_STATEMENT: Final = sys.version_info < (3, 13)

#: The interpreter tells what is called by an event of its own.
CALL_EVENTS: Final = sys.version_info >= (3, 12)

#: Of these it does not tell if what is called is in Python.
SILENT_CALLS: Final = frozenset({"CALL_FUNCTION_EX"} if sys.version_info[:2] == (3, 12) else ())

#: Every comprehension is a code object of its own, not generator expressions alone.
COMPREHENSIONS_ARE_FUNCTIONS: Final = sys.version_info < (3, 12)
