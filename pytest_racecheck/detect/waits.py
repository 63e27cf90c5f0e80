"""What a blocked thread waits for, told from its stack, and which threads could end that.

A condition, an event, a queue, a future: in the end all of them block on a lock of their own making. The library's
frames between that lock and the user's code tell what the user called, and on which object.
"""

from __future__ import annotations

import gc
import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_racecheck.detect import peek
from pytest_racecheck.detect.naming import Namer
from pytest_racecheck.detect.stacks import library_frames, library_name, local, outward

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

    from pytest_racecheck.engine.operation import Site

WaitKind = Literal[
    "lock",
    "import",
    "notify",
    "event",
    "semaphore",
    "barrier",
    "get",
    "put",
    "tasks",
    "future",
    "join",
    "idle",
    "other",
]

_CONDITION: Final = ("threading.py", "Condition.wait")
# Functions of the standard library that wait, and the local variable that holds what they wait for.
_CALLS: Final[dict[tuple[str | None, str], tuple[WaitKind, str]]] = {
    _CONDITION: ("notify", "self"),
    ("threading.py", "Event.wait"): ("event", "self"),
    ("threading.py", "Semaphore.acquire"): ("semaphore", "self"),
    ("threading.py", "Barrier.wait"): ("barrier", "self"),
    ("queue.py", "Queue.get"): ("get", "self"),
    ("queue.py", "Queue.put"): ("put", "self"),
    ("queue.py", "Queue.join"): ("tasks", "self"),
    ("concurrent/futures/_base.py", "Future.result"): ("future", "self"),
    ("concurrent/futures/_base.py", "Future.exception"): ("future", "self"),
    ("concurrent/futures/_base.py", "wait"): ("future", "not_done"),
    ("concurrent/futures/_base.py", "as_completed"): ("future", "pending"),
}
_AWAITED: Final[dict[WaitKind, str]] = {
    "notify": "a notify on {}",
    "event": "event {}",
    "semaphore": "a permit of {}",
    "barrier": "the others at barrier {}",
    "get": "an item in {}",
    "put": "room in {}",
    "tasks": "task_done() on {}",
    "future": "the result of {}",
}
_JOIN: Final = ("threading.py", "Thread.join")
_IMPORT: Final = ("<frozen importlib._bootstrap>", "_ModuleLock.acquire")
_SHUTDOWN: Final = ("concurrent/futures/thread.py", "ThreadPoolExecutor.shutdown")
_WORKER: Final = ("concurrent/futures/thread.py", "_worker")
_RUN_TASK: Final = ("concurrent/futures/thread.py", "_WorkItem.run")
_BOOTSTRAP: Final = ("threading.py", "Thread._bootstrap_inner")

_MAX_QUEUE_DEPTH: Final = 4  # stand-in, what it holds, the real queue, its list, the task
_MAX_QUEUE_OBJECTS: Final = 5_000


@dataclass
class BlockedThread:
    """A live thread at the moment when no thread can go on.

    ``operation`` it is blocked in, on ``resource``: a stand-in lock, a ``threading.Thread`` to join, a SimpleQueue.
    ``holds``: stand-in locks, each with the site where it was taken. ``frame`` is its innermost frame.
    ``owner_ids``: the threads that hold ``resource``.
    """

    id: str
    name: str
    function: str
    operation: str
    resource: object | None = None
    holds: list[tuple[object, Site | None]] = field(default_factory=list)
    frame: FrameType | None = None
    owner_ids: list[str] = field(default_factory=list)


@dataclass
class Wait:
    """What one thread waits for: ``text`` completes "waits for", and ``name`` is the bare name of ``target``.

    ``on``: the blocked threads that could end it, one of them being enough. ``pool``: the name of the pool in whose
    queue the future waits for a worker. ``ended``: the threads that ended while they held the lock.
    """

    thread: BlockedThread
    kind: WaitKind
    target: object
    name: str
    text: str
    on: list[str] = field(default_factory=list)
    pool: str | None = None
    ended: list[str] = field(default_factory=list)

    @property
    def verb(self) -> str:
        """What the thread does, as the end of a sentence that begins with its id."""
        if self.kind == "lock":
            return f"wants {self.name}"
        return f"joins {self.name}" if self.kind == "join" else f"waits for {self.text}"


@dataclass
class _Pool:
    executor: object
    queue: object
    workers: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)

    @property
    def busy(self) -> list[str]:
        return [each for each in self.workers if each not in self.idle]


class Scene:
    """All blocked threads together: who is who, which pool has which workers, which thread runs which future."""

    def __init__(self, blocked: list[BlockedThread], finished: list[str]) -> None:
        self.blocked = {each.id: each for each in blocked}
        self.finished = finished
        self.namer = Namer(each.frame for each in blocked)
        self._threads: dict[int, str] = {}
        self._idents: dict[object, str] = {}
        self._runners: dict[int, str] = {}
        self._pools: dict[int, _Pool] = {}
        for each in blocked:
            self._look_at(each)
        if "main" in self.blocked:
            self._threads.setdefault(id(threading.main_thread()), "main")
            self._idents.setdefault(threading.main_thread().ident, "main")
        self.waits = {each.id: self._wait(each) for each in blocked}

    def is_waiter(self, thread: BlockedThread, held: object) -> bool:
        """Whether a lock that the thread holds is only the one that ``Condition.wait`` blocks on."""
        return held is thread.resource and self.waits[thread.id].kind not in {"lock", "join"}

    def workers_of(self, thread: str) -> list[str]:
        """The busy workers of the pool that the thread is a worker of."""
        return next((pool.busy for pool in self._pools.values() if thread in pool.workers), [])

    def _look_at(self, thread: BlockedThread) -> None:
        library = library_frames(thread.frame)
        for frame in outward(thread.frame):
            call = _call(frame)
            if call == _BOOTSTRAP:
                self._threads[id(local(frame, "self"))] = thread.id
                self._idents[peek.attribute(local(frame, "self"), "_ident")] = thread.id
            elif call == _RUN_TASK:
                self._runners[id(peek.attribute(local(frame, "self"), "future"))] = thread.id
            elif call == _WORKER:
                queue = local(frame, "work_queue")
                reference: Any = local(frame, "executor_reference")
                pool = self._pools.setdefault(id(queue), _Pool(reference() if reference else None, queue))
                pool.workers.append(thread.id)
                if library and library[0] is frame:
                    pool.idle.append(thread.id)

    def _wait(self, thread: BlockedThread) -> Wait:
        kind, target = self._recognise(thread)
        name = self.namer.name(target) if target is not None else "something"
        if kind == "lock":
            return self._wait_for_lock(thread, name)
        if kind == "join":
            return self._wait_for_thread(thread, target)
        if kind == "import":
            return self._wait_for_import(thread, target)
        if kind == "future":
            return self._wait_for_future(thread, target)
        if kind == "idle":
            return Wait(thread, kind, target, name, f"work, as an idle worker of {name}")
        return Wait(thread, kind, target, name, _describe(kind, target, name, thread.operation))

    def _recognise(self, thread: BlockedThread) -> tuple[WaitKind, object]:
        calls = [(_call(frame), frame) for frame in library_frames(thread.frame)]
        waiter = next(
            (local(frame, "waiter") for call, frame in calls if _CALLS.get(call, "")[:1] == ("notify",)), None
        )
        # Also inside Condition.wait, a thread may wait for the condition's lock again: it was notified then.
        if waiter is not None and thread.resource in (None, waiter):
            call, frame = next((call, frame) for call, frame in reversed(calls) if call in _CALLS)
            kind, variable = _CALLS[call]
            return kind, local(frame, variable)
        if calls and calls[0][0] == _IMPORT:
            return "import", local(calls[0][1], "self")
        joined = next((local(frame, "self") for call, frame in calls if call == _JOIN), None)
        if joined is not None or thread.operation == "join":
            return "join", joined if joined is not None else thread.resource
        if thread.operation == "get":
            if calls and calls[0][0] == _WORKER:
                pool = self._pools[id(local(calls[0][1], "work_queue"))]
                return "idle", pool.executor if pool.executor is not None else pool.queue
            return "get", thread.resource
        return ("other" if thread.resource is None else "lock"), thread.resource

    def _wait_for_lock(self, thread: BlockedThread, name: str) -> Wait:
        on = [each for each in thread.owner_ids if each in self.blocked]
        ended = [each for each in thread.owner_ids if each in self.finished]
        if on:
            text = f"{name}, held by {enumerate_words('itself' if each == thread.id else each for each in on)}"
        elif ended:
            text = f"{name}, held by {enumerate_words(ended)}, which has ended"
        else:
            text = f"{name}, held by no controlled thread"
        return Wait(thread, "lock", thread.resource, name, text, on, ended=ended)

    def _wait_for_import(self, thread: BlockedThread, module: object) -> Wait:
        name = f"the import of {peek.attribute(module, 'name')}"
        owner = self._idents.get(peek.attribute(module, "owner"))
        if owner is None:
            return Wait(thread, "import", module, name, f"{name}, which no controlled thread runs")
        return Wait(thread, "import", module, name, f"{name}, which {owner} runs", [owner])

    def _wait_for_thread(self, thread: BlockedThread, joined: object) -> Wait:
        on = [self._threads[id(joined)]] if id(joined) in self._threads else thread.owner_ids
        on = [each for each in on if each in self.blocked]
        if on:
            name, text = on[0], f"{on[0]} to end"
        else:
            own = peek.attribute(joined, "_name")
            name = f"thread {own}" if type(own) is str else "a thread"
            text = f"{name} to end, which racecheck does not control"
        shutdown = next((each for each in library_frames(thread.frame) if _call(each) == _SHUTDOWN), None)
        if shutdown is not None:
            text += f" (shutdown of {self.namer.name(local(shutdown, 'self'))})"
        return Wait(thread, "join", joined, name, text, on)

    def _wait_for_future(self, thread: BlockedThread, target: Any) -> Wait:
        futures = list(target) if type(target) is set else [target]
        waits = [self._wait_for_one_future(thread, each) for each in futures]
        if len(waits) == 1:
            return waits[0]
        wait = Wait(thread, "future", target, f"{len(waits)} futures", f"{len(waits)} futures")
        for each in waits:
            wait.on += [other for other in each.on if other not in wait.on]
            wait.pool = wait.pool or each.pool
        wait.text += f", run by {enumerate_words(wait.on)}" if wait.on else ", which no thread runs"
        return wait

    def _wait_for_one_future(self, thread: BlockedThread, future: object) -> Wait:
        name = self.namer.name(future)
        runner = self._runners.get(id(future))
        if runner is not None:
            return Wait(thread, "future", future, name, f"the result of {name}, run by {runner}", [runner])
        pool = next(
            (each for each in self._pools.values() if any(each is future for each in _queued(each.queue))), None
        )
        if pool is None:
            return Wait(thread, "future", future, name, f"the result of {name}, which no thread runs")
        owner = self.namer.name(pool.executor if pool.executor is not None else pool.queue)
        text = f"the result of {name}, queued in {owner}"
        return Wait(thread, "future", future, name, text, pool.busy, pool=owner)


def awaited(frame: FrameType | None) -> tuple[str, object] | None:
    """What a thread in ``Condition.wait`` waits for: words with a place for the name, and the object to be named."""
    for each in reversed(library_frames(frame)):
        kind, variable = _CALLS.get(_call(each), (None, ""))
        if kind is not None:
            return _AWAITED[kind], local(each, variable)
    return None


def enumerate_words(words: Iterable[str]) -> str:
    """As in ``a``, ``a and b``, ``a, b and c``; of more than seven, the first six and the number of the others."""
    known = list(words)
    if len(known) > 7:
        known = [*known[:6], f"{len(known) - 6} more"]
    return " and ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)


def _call(frame: FrameType) -> tuple[str | None, str]:
    return library_name(frame.f_code.co_filename), frame.f_code.co_qualname


def _queued(queue: object) -> Iterator[object]:
    """The futures of the tasks that wait in the queue of a pool, without taking anything out of it."""
    seen = {id(queue)}
    level = [queue]
    for _ in range(_MAX_QUEUE_DEPTH):
        level = [each for each in gc.get_referents(*level) if type(each) is not type and id(each) not in seen]
        level = list(islice(level, _MAX_QUEUE_OBJECTS))
        seen.update(map(id, level))
        for each in level:
            if peek.type_name(type(each)) == "_WorkItem":
                yield peek.attribute(each, "future")


def _describe(kind: WaitKind, target: object, name: str, operation: str) -> str:
    def number(attribute: str) -> object:
        value = peek.attribute(target, attribute)
        return value if type(value) is int else "?"

    items = peek.attribute(target, "queue")
    size = len(items) if type(items) in (deque, list) else 0
    tasks = number("unfinished_tasks")
    return {
        "notify": f"a notify on {name}",
        "event": f"event {name} to be set",
        "semaphore": f"a permit of {name} (value {number('_value')})",
        "barrier": f"the others at barrier {name} ({number('_count')} of {number('_parties')} are there)",
        "get": f"an item in {name}, which is empty",
        "put": f"room in {name}, which is full ({size} of {number('maxsize')} items)",
        "tasks": f"task_done() on {name}: {tasks} unfinished {'task' if tasks == 1 else 'tasks'}, {size} still in it",
    }.get(kind, f"the end of its {operation}")
