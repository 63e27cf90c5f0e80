"""Names for what the threads of a recorded run share, as the reader would write them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect import peek
from pytest_racecheck.detect.naming import Namer
from pytest_racecheck.detect.stacks import InnermostFrames, library_frames, library_name, local, user_frames
from pytest_racecheck.engine import real
from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument.variables import Closure

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.operation import Access, Site
    from pytest_racecheck.engine.scheduler import Scheduler

#: A look at all that the threads can reach takes up to ten milliseconds; so many of them, for so many seconds, at most.
LOOKS: Final = 60
_SECONDS: Final = 0.4

#: What the standard library calls the locks inside its own objects: those are named by the object.
_INSIDE: Final = frozenset(
    ("_lock", "_cond", "mutex", "not_empty", "not_full", "all_tasks_done", "_condition", "_block")
)
_LIBRARIES: Final = frozenset(
    ("threading.py", "queue.py", "concurrent/futures/_base.py", "concurrent/futures/thread.py")
)
_WITH: Final = {"__enter__": "acquire", "__exit__": "release"}


class Call:
    """A call of the standard library's that a thread is in: the object, and the method's name."""

    __slots__ = ("method", "subject")

    def __init__(self, method: str, subject: object) -> None:
        self.method = method
        self.subject = subject


def library_call(frame: FrameType | None) -> Call | None:
    """The outermost method of a lock, queue, future or pool between user code and what happens now."""
    found = library_frames(frame)
    if not found or not user_frames(found[-1])[:1]:
        return None
    outermost = found[-1]
    subject = local(outermost, "self")
    if subject is None or library_name(outermost.f_code.co_filename) not in _LIBRARIES:
        return None
    method = outermost.f_code.co_name
    return Call(_WITH.get(method, method), subject)


class Names:
    """Finds each name when its object is first met, while the frames still lead to it.

    Keeps locks and the like alive, for their identity, but never what holds a place in memory: objects of the user may
    do something when they end.
    """

    def __init__(self, looks: int = LOOKS) -> None:
        self._names: dict[int, str] = {}  # by id
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []
        self._given: Counter[tuple[str, str]] = Counter()
        self._looks = looks
        self._spent = 0.0

    def number(self, thing: object) -> int:
        """A number for the identity of ``thing``, which is one of ours and kept alive."""
        number = self._numbers.get(id(thing))
        if number is None:
            number = self._numbers[id(thing)] = len(self._numbers) + 1
            self._kept.append(thing)
        return number

    def of_lock(self, lock: object, scheduler: Scheduler, call: Call | None, expression: str) -> str:
        """The name of a lock or queue."""
        name = self._names.get(id(lock))
        if name is None:
            name = self._find(lock, scheduler)
            if call is not None and (name is None or name.rpartition(".")[2] in _INSIDE):
                name = self.of_object(call.subject, scheduler)
            name = self._names[id(lock)] = self._unique("lock", name or expression or "a lock")
            self._kept.append(lock)
        return name

    def rename(self, names: dict[int, str]) -> dict[str, str]:
        """Others found ``names``, by the ids of their objects. Returns what these were called here, and are now."""
        return {self._names[each]: name for each, name in names.items() if self._names.get(each, name) != name}

    def of_object(self, thing: object, scheduler: Scheduler) -> str:
        """The name of an object of the standard library, or of its kind."""
        name = self._names.get(id(thing))
        if name is None:
            name = self._names[id(thing)] = self._find(thing, scheduler) or f"a {peek.type_name(type(thing))}"
            self._kept.append(thing)
        return name

    def of_location(self, location: object, owner: object, access: Access, scheduler: Scheduler) -> str:
        """The name of a place in memory."""
        name = self._names.get(id(location))
        if name is None:
            # A container and the attribute that it is in go by one name: what is done to it tells which is meant.
            kind = "container" if access.container else "variable"
            name = self._names[id(location)] = self._unique(kind, self._place(owner, access, scheduler))
            self._kept.append(location)
        return name

    def _place(self, owner: Any, access: Access, scheduler: Scheduler) -> str:
        if access.container:
            name = None if owner is UNKNOWN or not access.shared else self._find(owner, scheduler)
            return name or container_name(access)
        # A variable of a module or of an enclosing function needs no owner.
        if owner is UNKNOWN or type(owner) in (dict, Closure):
            return access.name
        if peek.is_a(owner, type):
            return f"{peek.type_name(owner)}.{access.name}"
        name = self._find(owner, scheduler) if access.shared else None
        return f"{name or peek.type_name(type(owner))}.{access.name}"

    def _find(self, thing: object, scheduler: Scheduler) -> str | None:
        """As a thread could write it; None when no thread leads to it, or too much time was spent on names."""
        self._looks -= 1
        if self._looks < 0 or self._spent > _SECONDS:
            return None
        began = real.monotonic()
        with InnermostFrames() as frames:
            name = Namer(frames.get(thread.ident or 0) for thread in scheduler.threads).name(thing)
        self._spent += real.monotonic() - began  # the run itself may take its time
        return None if " #" in name else name

    def _unique(self, kind: str, name: str) -> str:
        """Tells it apart from others of its kind."""
        self._given[kind, name] += 1
        number = self._given[kind, name]
        return name if number == 1 else f"{name} #{number}"


def container_name(access: Access) -> str:
    """The expression of a container, from that of what is done to it."""
    source = access.site.source
    receiver, called, _ = source.partition(f".{access.name}(")
    if called:
        return receiver
    if source.endswith("]") and "[" in source:
        return source[: source.rindex("[")]
    return source or access.name


def lock_expression(site: Site | None) -> str:
    """The lock in a statement that takes or releases it."""
    source = site.source if site is not None else ""
    found = re.match(r"(?:async )?with (.+?)(?: as \w+)?:|.*?([\w.\[\]]+)\.(?:acquire|release)\(", source)
    return (found[1] or found[2]) if found else source
