"""Handlers of what reads or changes a container as a whole: loops, tests, comparisons, texts. See :mod:`handlers`."""

from __future__ import annotations

from collections.abc import Iterable
from sys import getrefcount
from types import FrameType
from typing import TYPE_CHECKING, Final

from pytest_racecheck.engine.operation import UNKNOWN, Access
from pytest_racecheck.instrument import attributes, unseen, windows
from pytest_racecheck.instrument.containers import (
    KEYED,
    container_of,
    containers_of,
    holds_containers,
    is_iterator,
    may_hide_containers,
    notices_changes,
    plain_key,
)
from pytest_racecheck.instrument.stack import PRIVATE

if TYPE_CHECKING:
    from pytest_racecheck.instrument.handlers import Handler, Listener
    from pytest_racecheck.instrument.paths import Getter

#: So many items of a container are looked at, to see whether they are containers.
_A_LOOK: Final = 8
_COMPARES: Final = "looks at what is inside of a container, which racecheck can't see into"


def contains(access: Access, container: Getter, key: Getter | None) -> Handler:
    """``<key> in <container>``."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        found = container(frame, variables)
        owner = container_of(found)
        if holds_containers(found, _A_LOOK):
            unseen.note(access, _COMPARES)
        if owner is None:
            return not attributes.is_in_c(found)
        which = None
        if key is not None and attributes.is_a(owner, (dict, set)):
            which = plain_key(owner, key(frame, variables), KEYED)
        listener(access, owner, which, None)
        return None

    return handler


def whole(access: Access, operand: Getter, *, deep: bool = False) -> Handler:
    """All of a container is read: tests, unpacking; ``deep``: and what is in it, for a comparison or a text."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        value = operand(frame, frame.f_locals)
        if deep and holds_containers(value, _A_LOOK):
            unseen.note(access, _COMPARES)
        owner = container_of(value)
        if owner is None:
            return not attributes.is_in_c(value)
        listener(access, owner, None, None)
        return None

    return handler


def two_wholes(access: Access, left: Getter, right: Getter) -> Handler:
    """All of two containers is read: comparisons, sums."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        values = left(frame, variables), right(frame, variables)
        if any(holds_containers(value, _A_LOOK) for value in values):
            unseen.note(access, _COMPARES)
        first, second = map(container_of, values)
        if first is not None:
            listener(access, first, None, None)
        if second is not None and second is not first:
            listener(access, second, None, None)
        return not all(map(attributes.is_in_c, values))

    return handler


def several(access: Access, operands: list[Getter]) -> Handler:
    """All of each of these, where it is a container, is read into a text."""
    return together([whole(access, operand, deep=True) for operand in operands])


def together(each: list[Handler]) -> Handler:
    """All of these handlers, one after the other."""
    if len(each) == 1:
        return each[0]

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        runs_python = False
        for one in each:
            runs_python = bool(one(frame, listener)) or runs_python
        return runs_python

    return handler


def iterator(access: Access, operands: tuple[Getter, ...]) -> Handler:
    """The beginning of a loop over ``operands``."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        iterate(access, [operand(frame, variables) for operand in operands], listener)
        return None

    return handler


def iterate(access: Access, values: Iterable[object], listener: Listener) -> None:
    """An iterator of each of ``values`` is made: some notice what changes in their container from then on."""
    for value in values:
        owner = None if is_iterator(value) else container_of(value)
        if owner is not None and notices_changes(owner):
            listener(access, owner, None, None)


def next_item(
    access: Access, update: Access, operands: tuple[Getter, ...], top: Getter | None, made_here: bool = False
) -> Handler:
    """The next item of a loop: reads the containers behind it; an iterator not ``made_here`` is changed as well.

    ``top`` finds the iterator itself, which is all there is to see where ``operands`` don't tell what it looks into.
    """

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        variables = frame.f_locals
        nothing, hidden = True, False
        for operand in operands:
            value = operand(frame, variables)
            owner = container_of(value)
            passed_on = is_iterator(value)
            alone = passed_on and (made_here or getrefcount(value) <= PRIVATE)
            if passed_on and (not alone or (made_here and owner is None)):
                windows.announce_next(value, update)
                listener(update, value, None, None)
                nothing = False
            if owner is not None:
                if not alone or getrefcount(owner) > PRIVATE:
                    listener(access, owner, None, None)
                nothing = False
            elif may_hide_containers(value):
                hidden = True
        if hidden and top is not None:
            for owner in containers_of(top(frame, variables)):
                listener(access, owner, None, None)
                nothing = False
        return nothing

    return handler


def given(access: Access, top: Getter) -> Handler:
    """An iterator is given to somebody who is not seen to use it: the containers behind it may be read right away."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        value = top(frame, frame.f_locals)
        for owner in containers_of(value) if is_iterator(value) else ():
            listener(access, owner, None, None)
        return None

    return handler


def in_place(access: Access, target: Getter, other: Handler | None = None) -> Handler:
    """``<target> += ...`` where the target is a container: one atomic update of it, which reads the ``other``."""

    def handler(frame: FrameType, listener: Listener) -> bool | None:
        value = target(frame, frame.f_locals)
        if container_of(value, 0) is not value or value is None:
            return value is UNKNOWN
        if other is not None:
            other(frame, listener)
        listener(access, value, None, None)
        return None

    return handler
