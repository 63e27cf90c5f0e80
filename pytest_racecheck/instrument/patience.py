"""Operators whose other side is a constant: few of them work on containers, and many stand in loops over numbers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument.attributes import one_of

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.instrument.handlers import Handler, Listener
    from pytest_racecheck.instrument.paths import Getter

_PLAIN: Final[frozenset[type]] = frozenset({int, float, complex, bool, str, bytes})

#: So many numbers or texts before anything else, and no container is expected there any longer.
_ENOUGH: Final = 100
_NEVER: Final = sys.maxsize


class Patience:
    """Takes handlers that find nothing out of the ``table`` of a plan, for the rest of the item."""

    def __init__(self, table: dict[int, Handler]) -> None:
        self._table = table
        self._left: dict[int, int] = {}
        self._given_up: dict[int, Handler] = {}

    def renew(self) -> None:
        """A new item: what the ones before did must make no difference."""
        self._table.update(self._given_up)
        self._given_up.clear()
        self._left.clear()

    def handler(self, handler: Handler, operand: Getter, offset: int) -> Handler:
        """``handler`` for ``offset``, if ``operand`` is not a number or text many times at first.

        Where it was something else once, it is looked at for good: a replay must see what the first run saw.
        """

        def patient(frame: FrameType, listener: Listener) -> bool | None:
            if not one_of(type(operand(frame, frame.f_locals)), _PLAIN):
                self._left[offset] = _NEVER
                return handler(frame, listener)
            left = self._left[offset] = self._left.get(offset, _ENOUGH) - 1
            if left <= 0 and self._table.get(offset) is patient:
                self._given_up[offset] = self._table.pop(offset)
            return None

        return patient
