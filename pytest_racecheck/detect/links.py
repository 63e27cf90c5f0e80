"""How two events of one thread hang together by the source: whether the one decides on the other, or goes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.detect import code

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event
    from pytest_racecheck.report.model import Frame


def is_check(first: Event, use: Event) -> bool:
    """Whether what ``first`` read decided that ``use`` followed."""
    common = common_function(first, use)
    if common is None:
        return False
    mine, its = common
    line, column = spot(first, mine)
    return code.is_test(mine.file, line, column) and code.follows(mine.file, line, its.line)


def decides(first: Event, use: Event) -> bool:
    """The same, where what ``first`` read was kept in a variable first."""
    common = common_function(first, use)
    return common is not None and code.decides(common[0].file, spot(first, common[0]), spot(use, common[1]))


def goes_into(first: Event, use: Event) -> bool:
    """Whether what ``first`` read is part of what ``use`` wrote."""
    common = common_function(first, use)
    return common is not None and code.flows(common[0].file, spot(first, common[0]), spot(use, common[1]))


def chooses(first: Event, use: Event) -> bool:
    """Whether what ``first`` read is the first choice for what ``use`` wrote, and something else the second one."""
    common = common_function(first, use)
    return common is not None and code.chooses(common[0].file, spot(first, common[0]), spot(use, common[1]))


def spot(event: Event, frame: Frame | None = None) -> code.Spot:
    """Where in the function of ``frame``, its own unless given, an event happened; to the column if that is known."""
    site = event.site
    if site is not None and not event.subject and (frame is None or frame is event.stack[-1]):
        is_line = site.source == code.code_at(site.file, site.line).strip()
        return site.line, None if is_line else site.column
    return (event.line[1] if frame is None else frame.line), None


def in_order(first: Event, use: Event) -> bool:
    """Whether ``use`` stands below ``first`` in their function, or in a loop with it."""
    common = common_function(first, use)
    return common is not None and code.follows(common[0].file, common[0].line, common[1].line)


def in_another_turn(first: Event, again: Event) -> bool:
    """Whether ``again`` is the same expression as ``first``, reached the same way: in another turn of a loop."""
    return first.site is not None and first.site == again.site and first.stack == again.stack


def common_function(first: Event, use: Event) -> tuple[Frame, Frame] | None:
    """The innermost function that both were in, as it stood at the one and at the other."""
    found = None
    for mine, its in zip(first.stack, use.stack, strict=False):
        if (mine.file, mine.function) != (its.file, its.function):
            break
        if not code.in_one_function(mine.file, mine.line, its.line):
            break
        found = mine, its
        if mine.line != its.line:
            break
    return found
