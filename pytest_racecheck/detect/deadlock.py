"""Says why no thread can go on: the kind of deadlock, the cycle or the wait that nothing can end, and every thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.graph import shortest_cycle
from pytest_racecheck.detect.stacks import report_stack
from pytest_racecheck.detect.waits import BlockedThread, Scene, Wait, enumerate_words
from pytest_racecheck.report.model import Held, ThreadReport

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BlockedThread", "Diagnosis", "diagnose"]

LOCK_ORDER: Final = "lock-order cycle"
SELF: Final = "self-deadlock"
_JOIN: Final = "join of a thread that never ends"
_STARVATION: Final = "pool starvation"
_IMPORT: Final = "lock and import in opposite orders"
_FUTURE: Final = "future never completed"
_TASKS: Final = "Queue.join without task_done"

# Waits that no blocked thread is known to be able to end. The first that occurs counts as the cause: a consumer that
# waits for an item is rarely why a Queue.join does not return, and an idle worker never is.
_DEAD_ENDS: Final[dict[str, tuple[str, str]]] = {
    "ended": ("lock held by a thread that has ended", "a thread that has ended can't release it"),
    "lock": ("lock that no controlled thread holds", "no thread of the test is left to release it"),
    "import": ("import that never ends", "it did not end by itself"),
    "tasks": (_TASKS, "no thread is left to call it"),
    "barrier": ("barrier with too few parties", "no thread is left to come"),
    "semaphore": ("semaphore never released", "no thread is left to release it"),
    "notify": ("notification that never comes", "no thread is left to notify"),
    "event": ("event that is never set", "no thread is left to set it"),
    "put": ("put into a full queue", "no thread is left to take one out"),
    "future": (_FUTURE, "no thread is left to complete it"),
    "get": ("get from an empty queue", "no thread is left to put one"),
    "join": (_JOIN, "it did not end by itself"),
    "other": ("blocked for good", "no thread is left to end that"),
    "idle": ("idle pool", "no thread is left to give it any"),
}

_ADVICE: Final = {
    LOCK_ORDER: "Take these locks in the same order in every thread.",
    SELF: "A thread can't take a Lock that it holds already; an RLock it can.",
    _IMPORT: "Import the module where the lock is not held: at the top of the file.",
    _STARVATION: "A task must not wait for another task of its own pool: wait outside, or use a second pool.",
    _TASKS: "Every get() needs its task_done(), also where the work on the item fails.",
}

_MAX_DETAILS: Final = 5
_MAX_LINKS: Final = 8


@dataclass
class Diagnosis:
    """``kind`` in a few words; ``cycle``: the cycle, or the wait that nothing can end, in one line.

    ``details`` are further sentences: who else waits for the threads in the cycle. ``advice``: what to do about it,
    where that is certain.
    """

    kind: str
    cycle: str
    threads: list[ThreadReport]
    details: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    #: What locks and the like are called here, by their ids.
    names: dict[int, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """The short text, without the threads: those are for the report."""
        return [f"{self.kind}: {self.cycle}", *self.details, *self.advice]


def diagnose(blocked: list[BlockedThread], finished: list[str]) -> Diagnosis:
    """Explains a state in which every controlled thread is blocked and no timeout is pending.

    ``blocked`` are the threads that are alive, ``finished`` the ids of those that have ended. No thread may run
    meanwhile. Runs no user code, takes no lock. Raises ValueError when ``blocked`` is empty.
    """
    if not blocked:
        raise ValueError("no thread is blocked: there is nothing to diagnose")
    scene = Scene(blocked, finished)
    waits = scene.waits
    lock_graph = {each: wait.on for each, wait in waits.items() if wait.kind == "lock"}
    cycle = shortest_cycle(lock_graph) or shortest_cycle({each: wait.on for each, wait in waits.items()})
    if cycle:
        kind, line = _name_cycle(waits, cycle), _cycle_line(scene, cycle)
        told = set(cycle)
    else:
        kind, line, told = _dead_end(waits)
    return Diagnosis(
        kind=kind,
        cycle=line,
        threads=[_report(scene, each) for each in blocked],
        details=_details(waits, told),
        advice=[_ADVICE[kind]] if kind in _ADVICE else [],
        names=scene.namer.given,
    )


def _name_cycle(waits: dict[str, Wait], cycle: list[str]) -> str:
    kinds = {waits[each].kind for each in cycle}
    if kinds == {"lock"}:
        return SELF if len(cycle) == 1 else LOCK_ORDER
    if kinds == {"lock", "import"}:
        return _IMPORT
    if any(waits[each].pool for each in cycle):
        return _STARVATION
    return _JOIN if "join" in kinds else _FUTURE


def _cycle_line(scene: Scene, cycle: list[str]) -> str:
    waits = scene.waits
    first = waits[cycle[0]]
    if len(cycle) == 1 and first.pool:
        starved = [each for each in scene.workers_of(cycle[0]) if waits[each].pool == first.pool]
        who, pool = enumerate_words(starved), first.pool
        if len(starved) == 1:
            return f"{who}, a worker of {pool}, waits for a task that only a worker of {pool} can run"
        return f"{who}, the workers of {pool}, wait for tasks that only a worker of {pool} can run"
    if len(cycle) == 1:
        return f"{cycle[0]} holds {first.name}, wants {first.name} again"
    links = []
    for n, each in enumerate(cycle):
        before = waits[cycle[n - 1]]
        if before.kind == "lock":
            role = f"holds {before.name}, "
        elif before.kind == "import":
            role = f"runs {before.name}, "
        elif before.pool:
            role = f"is a worker of {before.pool}, "
        else:
            role = ""
        links.append(f"{each} {role}{waits[each].verb}")
    if len(links) > _MAX_LINKS:
        links[_MAX_LINKS - 2 : -1] = [f"({len(links) - _MAX_LINKS + 1} more)"]
    return "; ".join(links)


def _dead_end(waits: dict[str, Wait]) -> tuple[str, str, set[str]]:
    """Kind, line and threads of the wait that most likely is the cause of all others."""
    groups: dict[tuple[str, int], list[Wait]] = {}
    for wait in waits.values():
        if not wait.on:
            groups.setdefault(("ended" if wait.ended else wait.kind, id(wait.target)), []).append(wait)
    order = list(_DEAD_ENDS)
    reason, _ = min(groups, key=lambda each: order.index(each[0]))
    group = next(group for (each, _), group in groups.items() if each == reason)
    ids = [each.thread.id for each in group]
    joiner = next((each for each in waits.values() if each.kind == "join" and each.on and each.on[0] in ids), None)
    kind, why = _DEAD_ENDS[reason]
    if reason == "get" and joiner is not None:
        # The worker that waits for more is as it should be: what is wrong is to wait for its end.
        line = f"{joiner.thread.id} {joiner.verb}, which waits for {group[0].text}; {why}"
        return _JOIN, line, {joiner.thread.id, joiner.on[0]}
    return kind, f"{_subject(ids)} for {group[0].text}; {why}", set(ids)


def _subject(ids: list[str]) -> str:
    return f"{enumerate_words(ids)} {'waits' if len(ids) == 1 else 'wait'}"


def _details(waits: dict[str, Wait], told: set[str]) -> list[str]:
    sentences = list(_further(waits, told))
    if len(sentences) > _MAX_DETAILS:
        sentences[_MAX_DETAILS - 1 :] = [f"{len(sentences) - _MAX_DETAILS + 1} more threads wait like these."]
    return sentences


def _further(waits: dict[str, Wait], told: set[str]) -> Iterable[str]:
    for wait in waits.values():
        if wait.thread.id in told:
            continue
        if wait.kind == "join" and wait.on:
            yield f"{wait.thread.id} joins {wait.on[0]}, which never ends: it {waits[wait.on[0]].verb}."
        elif wait.kind != "idle":
            yield f"{wait.thread.id} waits for {wait.text}."


def _report(scene: Scene, thread: BlockedThread) -> ThreadReport:
    wait = scene.waits[thread.id]
    return ThreadReport(
        id=thread.id,
        name=thread.name,
        function=thread.function,
        state="idle" if wait.kind == "idle" else "blocked",
        holds=[
            Held(scene.namer.name(held), site.file if site else "", site.line if site else 0)
            for held, site in thread.holds
            if not scene.is_waiter(thread, held)
        ],
        waits_for=wait.text,
        stack=report_stack(thread.frame),
        waits_on=wait.on,
    )
