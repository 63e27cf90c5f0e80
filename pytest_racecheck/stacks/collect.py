"""Where everything is when time runs out: what the sentinel found, joined with what this process knows of its threads.

py-spy knows what every thread does, down to machine code, at the very deadline; the process knows the threads' names,
which lock each waits for, who holds it. The two are matched by the threads' identifiers.
"""

from __future__ import annotations

import contextlib
import linecache
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect import peek
from pytest_racecheck.detect.stacks import InnermostFrames, library_frames, library_name, local, outward, user_frames
from pytest_racecheck.detect.waits import BlockedThread, Scene
from pytest_racecheck.report.model import Frame, Held, ProcessReport, ThreadReport
from pytest_racecheck.report.terminal import place
from pytest_racecheck.stacks import holding, words
from pytest_racecheck.stacks.cpu import computes

if TYPE_CHECKING:
    from types import FrameType

    from pytest_racecheck.engine.operation import Site

#: No report shows more frames of one thread than this, counted from the innermost, nor more native ones.
_MAX_FRAMES: Final = 12
_MAX_NATIVE: Final = 12

#: Files that are no part of the program under test, by parts of their paths.
_RUNNERS: Final = ("/_pytest/", "/pytest/", "/pluggy/", "/xdist/", "/execnet/", "/bin/pytest", "/pytest_timeout.py")
_OURS: Final = "/pytest_racecheck/"
_TUTORIAL: Final = "/pytest_racecheck/tutorial/"

#: Where a thread or a process begins: what is farther out is not its own.
_BEGIN: Final = frozenset({"BaseProcess._bootstrap", "Thread._bootstrap"})

#: The state of a thread that has not run a line yet.
NOT_BEGUN: Final = "not begun yet, waits for its turn"

#: While it looks around, this thread keeps the GIL for so many seconds: the others stand still. So do those that want
#: it back from a thread that computes, this one included, so it must not be long.
_STILL_SECONDS: Final = 0.25

#: Stand-ins, by the file that they are in, and what a thread does that blocks in one of these functions.
_STAND_INS: Final = {"lock.py": "acquire", "rlock.py": "acquire", "simple_queue.py": "get"}
_WAITING: Final = frozenset({"acquire", "__enter__", "_wait_outside", "get"})


@dataclass
class Known:
    """A thread as this process knows it. ``state`` is what the engine says; "" leaves it to the stack.

    ``place``: in words, what of the world outside it waits for by way of the engine.

    ``operation`` and ``resource``: what it is blocked in. ``owner``: the id of the thread that holds the resource.
    """

    id: str
    name: str
    function: str
    ident: int
    state: str = ""
    place: str = ""
    operation: str = ""
    resource: Any = None
    owner: str = ""
    holds: list[tuple[object, Site | None]] = field(default_factory=list)


@dataclass
class Hang:
    """The state of things when time ran out: plain data, but for nothing."""

    threads: list[ThreadReport] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    processes: list[ProcessReport] = field(default_factory=list)
    stacks_by: str = ""

    @property
    def summary(self) -> str:
        """What each thread does, in one line."""
        told = [f"{each.id}: {each.state}" for each in self.threads[:_MAX_FRAMES]]
        return "; ".join(told)


@contextlib.contextmanager
def _standstill() -> Iterator[None]:
    """No other thread runs inside, unless this one waits for something."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_STILL_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def collect(found: dict[str, Any], why_not: str, known: list[Known], others: dict[int, str]) -> Hang:
    """What there is to say. ``found``: the sentinel's dump, {} if there is none for the reason ``why_not``.

    ``known`` are the threads of the test, ``others`` the names of the rest, by identifier.
    """
    spied = {thread["thread_id"]: thread for thread in found.get("threads", ())}
    with _standstill():
        scene = _Scenery(known, spied)
    hang = Hang(stacks_by=_source(found, why_not))
    for each in known:
        thread = spied.get(each.ident)
        if thread is not None and not each.state and each.id != "main" and words.is_idle(thread["frames"]):
            hang.folded.append(each.name)
        else:
            hang.threads.append(_report(each, thread, scene))
    hang.folded += [name for ident, name in others.items() if ident in spied or not spied]
    hang.processes = [_process(each) for each in found.get("processes", ())]
    return hang


def _source(found: dict[str, Any], why_not: str) -> str:
    errors = "; ".join(found.get("errors", ())) or why_not
    if found.get("method"):
        return str(found["method"]) + (f" ({errors})" if found["errors"] else "")
    return f"sys._current_frames(): no py-spy, {errors}"


class _Scenery:
    """What can only be told with the threads at hand: names of locks, who holds them, whose frames are whose."""

    def __init__(self, known: list[Known], spied: dict[int, Any]) -> None:
        with InnermostFrames() as current:
            self.frames = {each.id: _unless_elsewhere(current.get(each.ident), spied.get(each.ident)) for each in known}
        for each in known:
            if each.resource is None and not each.state and not each.place:
                _find_resource(each, self.frames[each.id], spied.get(each.ident))
        blocked = [
            BlockedThread(
                id=each.id,
                name=each.name,
                function=each.function,
                operation=each.operation or "wait",
                resource=each.resource,
                holds=each.holds,
                frame=self.frames[each.id],
                owner_ids=[each.owner] if each.owner else [],
            )
            for each in known
        ]
        self.taken: dict[str, list[holding.Taken]] = {each.id: [] for each in known}
        self._scene: Scene | None = None
        # Whatever the frames hold may change under our hands where there is no GIL.
        with contextlib.suppress(Exception):
            self._scene = Scene(blocked, [])
            for each in known:
                self.taken[each.id] = holding.taken_by(self.frames[each.id])

    def name(self, value: object) -> str:
        """The name of a lock; by its address, too, where it has no name of its own."""
        name = self._scene.namer.name(value) if self._scene is not None else type(value).__name__
        return f"{name} (at {id(value):#x})" if "#" in name else name

    def wait(self, thread: Known) -> tuple[str, list[str]]:
        """What the thread waits for, as the end of "waiting for", and which threads could end that."""
        if thread.resource is None or self._scene is None:
            return "", []
        wait = self._scene.waits[thread.id]
        if wait.kind == "other":
            return "", []
        if wait.kind != "lock":
            return wait.text, wait.on
        name = self.name(thread.resource)
        holder, since = self._holder(thread)
        if not holder:
            return name, []
        who = "itself" if holder == thread.id else holder
        return f"{name} held by {who}{since}", [holder]

    def _holder(self, thread: Known) -> tuple[str, str]:
        for each, taken in self.taken.items():
            for value, file, line in taken:
                if holding.is_same_lock(value, thread.resource) and thread.owner in ("", each):
                    return each, f" since {place(file, line, 40, '...')}"
        return thread.owner, ""

    def holds(self, thread: Known) -> list[Held]:
        """The locks that the thread holds."""
        taken = self.taken[thread.id]
        held = [
            Held(self.name(each.value), each.file, each.line)
            for each in taken
            if not any(holding.is_same_lock(each.value, lock) for lock, _ in thread.holds) and _is_lock(each.value)
        ]
        for lock, site in thread.holds:
            block = next((each for each in taken if holding.is_same_lock(each.value, lock)), None)
            name = self.name(block.value if block else lock)
            if site is not None:
                held.append(Held(name, site.file, site.line))
            elif lock is not thread.resource:
                held.append(Held(name, block.file if block else "", block.line if block else 0))
        return held


def _unless_elsewhere(frame: FrameType | None, spied: dict[str, Any] | None) -> FrameType | None:
    """The frame, unless the thread has gone on to another function since the dump."""
    seen = next((each for each in spied["frames"] if not words.is_native(each)), None) if spied else None
    if frame is None or seen is None or seen["filename"] == frame.f_code.co_filename:
        return frame
    return None


def _is_lock(value: object) -> bool:
    return peek.type_name(type(value)) in ("Lock", "RLock", "lock", "Condition", "Semaphore", "SemLock")


def _find_resource(thread: Known, frame: FrameType | None, spied: dict[str, Any] | None) -> None:
    """A thread that nobody controls: what it is blocked in, if that is a stand-in, or the standard library's."""
    join = next((each for each in library_frames(frame) if each.f_code.co_qualname == "Thread.join"), None)
    if join is not None:
        thread.operation, thread.resource = "join", local(join, "self")
        return
    if frame is None or spied is None or not words.waits_for_a_lock(spied):
        return
    code = frame.f_code
    if _OURS not in code.co_filename:
        value = holding.waited_for(frame)
        thread.operation, thread.resource = "acquire", value if _is_lock(value) else None
    elif code.co_name in _WAITING:
        thread.operation = _STAND_INS.get(code.co_filename.rpartition("/")[2], "")
        thread.resource = local(frame, "self") if thread.operation else None


def _report(known: Known, spied: dict[str, Any] | None, scene: _Scenery) -> ThreadReport:
    waits_for, waits_on = ("", []) if known.state or known.place else scene.wait(known)
    frame = scene.frames[known.id]
    if known.place:
        call = holding.called_at(next(iter(user_frames(frame)), None))
        known.state = f"in {call}, waiting for {known.place}" if call else f"waiting for {known.place}"
    if spied is None:
        spied = _seen_from_inside(frame, known.ident)
    frames = spied["frames"]
    state = known.state or (f"waiting for {waits_for}" if waits_for else words.state_of(spied))
    return ThreadReport(
        id=known.id,
        name=known.name,
        function=known.function,
        state=state,
        holds=scene.holds(known),
        waits_for=waits_for or None,
        stack=[] if known.state == NOT_BEGUN else _stack(frames),
        waits_on=waits_on,
        native=words.innermost_native(frames)[:_MAX_NATIVE],
    )


def _seen_from_inside(frame: FrameType | None, ident: int) -> dict[str, Any]:
    """A thread in the form of py-spy's, as far as this process can tell."""
    frames = [
        {"name": each.f_code.co_qualname, "filename": each.f_code.co_filename, "line": each.f_lineno}
        for each in outward(frame)
    ]
    return {"frames": frames, "active": computes(ident), "owns_gil": False}


def _process(found: dict[str, Any]) -> ProcessReport:
    threads = [
        ThreadReport(
            id=thread["thread_name"] or f"thread {thread['os_thread_id'] or thread['thread_id']}",
            name="",
            function="",
            state="idle, waits for work" if words.is_idle(thread["frames"]) else words.state_of(thread),
            stack=[] if words.is_idle(thread["frames"]) else _stack(thread["frames"]),
            native=words.innermost_native(thread["frames"])[:_MAX_NATIVE],
        )
        for thread in found["threads"]
        if thread["thread_name"] == "MainThread" or not words.is_idle(thread["frames"])
    ]
    return ProcessReport(found["pid"], found["command"], threads, "; ".join(found["errors"]))


def _stack(frames: Sequence[dict[str, Any]]) -> list[Frame]:
    """The reader's frames, outermost first; where there are none, what the thread runs of the standard library."""
    mine: list[Frame] = []
    library: list[Frame] = []
    for frame in frames:
        file, line = str(frame["filename"]), int(frame["line"])
        if words.is_native(frame):
            continue
        if any(part in file for part in _RUNNERS):
            if mine:
                break
            continue
        if _OURS in file and _TUTORIAL not in file:
            continue
        entry = Frame(file, line, str(frame["name"]), linecache.getline(file, line).strip())
        if library_name(file) is None:
            mine.append(entry)
        elif frame["name"] in _BEGIN:
            break
        else:
            library.append(entry)
    return (mine[:_MAX_FRAMES] or library[:1])[::-1]
