"""Queues, events and futures of the standard library, and files, taken as one place in memory each.

What they do under their own lock is one atomic look or change, as with a built-in container; so a check of one and a
change that follows are as separate as with any other value.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.detect.events import Event, Trace

#: Numbers for files begin below those of all other things.
_FILES: Final = -1_000_000_000
_LOOKS: Final = frozenset(("full", "empty", "qsize", "is_set", "done", "running", "cancelled", "result", "exception"))
_CHANGES: Final = frozenset(
    ("put", "put_nowait", "get", "get_nowait", "set", "clear", "set_result", "set_exception", "cancel", "task_done")
)


def with_calls(trace: Trace) -> Trace:
    """The same run, the first event of each such call replaced by an access; numbers and places stay."""
    events: list[Event] = []
    files: dict[str, int] = {}
    inside: dict[str, tuple[object, ...]] = {}
    for event in trace.events:
        if event.kind == "file" and event.subject:
            number = files.setdefault(event.subject, _FILES - len(files))
            name = f"the file {PurePath(event.subject).name}"
            events.append(replace(event, kind=event.call, memory=True, identity=number, resource=name, before=""))
            continue
        call = (event.call, event.subject, event.line) if not event.memory and event.subject else ()
        known = event.call in _LOOKS or event.call in _CHANGES
        if call and known and inside.get(event.thread) != call and event.resource:
            kind = "read" if event.call in _LOOKS else "update"
            # Nothing is known of the value; it is not None either.
            access = replace(event, kind=kind, memory=True, identity=-event.identity, resource=event.subject, before="")
            events.append(access)
        else:
            events.append(event)
        inside[event.thread] = call if event.kind != "release" else ()
    return replace(trace, events=events)
