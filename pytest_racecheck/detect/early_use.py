"""Order violations: a thread uses what another one provides only afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.clash import NOTHING_YET, ORDER_VIOLATION, Clash
from pytest_racecheck.detect.wording import did, did_to, place

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event, Trace

_NOT_THERE: Final = frozenset(("AttributeError", "NameError", "KeyError", "TypeError"))


def used_too_early(trace: Trace) -> Clash | None:
    """A thread fails because it uses what another thread provides, which it does only afterwards."""
    at = trace.thrown_at
    if trace.thrown not in _NOT_THERE or at is None:
        return None
    mine = [e for e in trace.events if e.memory and e.thread == trace.thrower and e.line == (at.file, at.line)]
    for use in reversed(mine[-4:]):
        if use.kind != "read" or use.before not in NOTHING_YET or not use.exact or not _names_it(use, trace):
            continue
        writes = [e for e in trace.events if e.writes and e.overlaps(use) and e.item == use.item]
        if writes and writes[0].n > use.n and writes[0].conflicts(use):
            text = f"{use.thread} uses it at {place(use)} before {did(writes[0])}."
            context = publication(trace, use, writes[0])
            more = _how_it_got_there(use, writes[0], context)
            return Clash([use, writes[0]], f"{text} {more}".rstrip(), ORDER_VIOLATION, context=context)
    return None


def _names_it(use: Event, trace: Trace) -> bool:
    """Whether the exception is about this very attribute, variable or item, or about a None found there."""
    if use.before == "None":
        return "None" in trace.thrown_text
    return (use.item or repr(use.resource.rpartition(".")[2])) in trace.thrown_text


def publication(trace: Trace, use: Event, write: Event) -> list[Event]:
    """How ``use`` came upon what ``write`` only provided later: what that thread wrote before, and the look at it.

    Or it is the start of the one thread by the other. Empty where neither is known.
    """
    before = trace.events[: use.n]
    for look in reversed(before):
        if look.thread == use.thread and look.reads and look.exact and not look.overlaps(use):
            found = next((e for e in reversed(trace.events[: look.n]) if e.writes and e.conflicts(look)), None)
            if found is not None and found.thread == write.thread and found.exact:
                return [found, look]
    return [e for e in before if e.kind == "start" and e.thread == write.thread and e.child == use.thread]


def _how_it_got_there(use: Event, write: Event, context: list[Event]) -> str:
    if context and context[0].kind == "start":
        return f"{write.thread} had started {use.thread} at {place(context[0])}."
    if context:
        published, look = context
        return f"{write.thread} {did_to(published)} before that, and {use.thread} {did_to(look)}."
    return ""
