"""Programs of a few steps, run for real and in a model that knows everything that they can come to.

A program is two or three threads, each a list of steps on two attributes and two locks that they share. `outcomes`
enumerates all interleavings of the steps in plain Python, without a thread or anything of racecheck; `run` carries the
program out with real threads and instrumented code. What the second one shows has to be among what the first one knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.conftest import Engine

ATTRIBUTES: Final = ("x", "y")
LOCKS: Final = ("a", "b")
EVENT: Final = "e"
#: What a step may do: look at an attribute, set it to a value of its own, add one to it (which is two accesses), set it
#: to the other one (two as well), take a lock, give one back; set an event, wait for it.
KINDS: Final = ("read", "write", "add", "copy", "acquire", "release")
EVENT_KINDS: Final = (*KINDS, "set", "wait")

#: Kind, number of the attribute or lock, number of the step in its thread.
Micro = tuple[str, int, int]
Step = tuple[str, str]
Thread = tuple[Step, ...]
Program = tuple[Thread, ...]


class Outcome(NamedTuple):
    """How one interleaving came out.

    ``values`` of the attributes at the end, ``seen`` by the reads of each thread, and for a deadlock the numbers of the
    threads that are blocked for good, from 1.
    """

    values: tuple[int, ...]
    seen: tuple[tuple[int, ...], ...]
    blocked: tuple[int, ...] = ()


# --- the model


_OWNED: Final = (*LOCKS, EVENT)


class _State(NamedTuple):
    """``at``: the next micro-steps of each thread; ``loaded``: what it has read, to add one to it or to copy it.

    ``owners``: who has each lock, who has set the event; -1: nobody.
    """

    at: tuple[int, ...]
    values: tuple[int, ...]
    seen: tuple[tuple[int, ...], ...]
    loaded: tuple[int, ...]
    owners: tuple[int, ...]


def outcomes(program: Program, *, gil: bool = False) -> set[Outcome]:
    """Everything that the program can come to; under a GIL, which is given away between two steps and not inside."""
    micro = [_micro_steps(thread, gil) for thread in program]
    start = _State(
        (0,) * len(program), (0,) * len(ATTRIBUTES), ((),) * len(program), (0,) * len(program), (-1,) * len(_OWNED)
    )
    found = set()
    known = {start}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        successors = [_step(state, n, micro[n][state.at[n]]) for n in _enabled(state, micro)]
        if not successors:
            unfinished = tuple(n + 1 for n, steps in enumerate(micro) if state.at[n] < len(steps))
            found.add(Outcome(state.values, state.seen, unfinished))
        new = set(successors) - known
        known |= new
        waiting.extend(new)
    return found


def deadlocks(program: Program) -> set[tuple[int, ...]]:
    """The threads that can end up blocked for good, together."""
    return {outcome.blocked for outcome in outcomes(program) if outcome.blocked}


def number_of_interleavings(program: Program, *, gil: bool = False) -> int:
    """How many orders of the micro-steps there are, deadlocks included."""
    micro = [_micro_steps(thread, gil) for thread in program]
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}

    def count(at: tuple[int, ...], owners: tuple[int, ...]) -> int:
        if (at, owners) not in known:
            state = _State(at, (0,) * len(ATTRIBUTES), ((),) * len(program), (0,) * len(program), owners)
            after = [_step(state, n, micro[n][at[n]]) for n in _enabled(state, micro)]
            known[at, owners] = sum(count(each.at, each.owners) for each in after) or 1
        return known[at, owners]

    return count((0,) * len(program), (-1,) * len(_OWNED))


def _micro_steps(thread: Thread, gil: bool = False) -> list[tuple[Micro, ...]]:
    """The parts of each step; those between which no other thread can come, together."""
    micro: list[tuple[Micro, ...]] = []
    for number, (kind, name) in enumerate(thread):
        which = (ATTRIBUTES if name in ATTRIBUTES else _OWNED).index(name)
        match kind:
            case "add":
                parts: tuple[Micro, ...] = (("load", which, number), ("store", which, number))
            case "copy":
                parts = (("load", 1 - which, number), ("put", which, number))
            case _:
                parts = ((kind, which, number),)
        micro += [parts] if gil else [(each,) for each in parts]
    return micro


def _enabled(state: _State, micro: list[list[tuple[Micro, ...]]]) -> list[int]:
    enabled = []
    for n, steps in enumerate(micro):
        if state.at[n] < len(steps):
            kind, which, _ = steps[state.at[n]][0]
            blocked = kind in ("acquire", "wait") and (state.owners[which] < 0) is (kind == "wait")
            if not blocked:
                enabled.append(n)
    return enabled


def _step(state: _State, n: int, parts: tuple[Micro, ...]) -> _State:
    state = state._replace(at=_with(state.at, n, state.at[n] + 1))
    for part in parts:
        state = _carried_out(state, n, part)
    return state


def _carried_out(state: _State, n: int, micro: Micro) -> _State:
    kind, which, number = micro
    match kind:
        case "read":
            return state._replace(seen=_with(state.seen, n, (*state.seen[n], state.values[which])))
        case "write":
            return state._replace(values=_with(state.values, which, written(n, number)))
        case "load":
            return state._replace(loaded=_with(state.loaded, n, state.values[which]))
        case "store":
            return state._replace(values=_with(state.values, which, state.loaded[n] + 1))
        case "put":
            return state._replace(values=_with(state.values, which, state.loaded[n]))
        case "acquire" | "set":
            return state._replace(owners=_with(state.owners, which, n))
        case "wait":
            return state
        case _:
            return state._replace(owners=_with(state.owners, which, -1))


def _with(values: tuple[Any, ...], place: int, value: object) -> tuple[Any, ...]:
    return (*values[:place], value, *values[place + 1 :])


def written(thread: int, step: int) -> int:
    """The value that a write puts in: one that no other step puts in, and that additions do not reach."""
    return 100 * (thread + 1) + 10 * step


# --- the real thing


class _Shared:
    def __init__(self) -> None:
        self.x = 0
        self.y = 0
        self.a = threading.Lock()
        self.b = threading.Lock()
        self.e = threading.Event()


_Action = Callable[[_Shared, list[int], int], object]


def _read_x(shared: _Shared, seen: list[int], _value: int) -> None:
    seen.append(shared.x)


def _read_y(shared: _Shared, seen: list[int], _value: int) -> None:
    seen.append(shared.y)


def _write_x(shared: _Shared, _seen: list[int], value: int) -> None:
    shared.x = value


def _write_y(shared: _Shared, _seen: list[int], value: int) -> None:
    shared.y = value


def _add_x(shared: _Shared, _seen: list[int], _value: int) -> None:
    shared.x += 1


def _add_y(shared: _Shared, _seen: list[int], _value: int) -> None:
    shared.y += 1


def _copy_y_to_x(shared: _Shared, _seen: list[int], _value: int) -> None:
    shared.x = shared.y


def _copy_x_to_y(shared: _Shared, _seen: list[int], _value: int) -> None:
    shared.y = shared.x


_ACTIONS: Final[dict[Step, _Action]] = {
    ("read", "x"): _read_x,
    ("read", "y"): _read_y,
    ("write", "x"): _write_x,
    ("write", "y"): _write_y,
    ("add", "x"): _add_x,
    ("add", "y"): _add_y,
    ("copy", "x"): _copy_y_to_x,
    ("copy", "y"): _copy_x_to_y,
    ("acquire", "a"): lambda shared, _seen, _value: shared.a.acquire(),
    ("acquire", "b"): lambda shared, _seen, _value: shared.b.acquire(),
    ("release", "a"): lambda shared, _seen, _value: shared.a.release(),
    ("release", "b"): lambda shared, _seen, _value: shared.b.release(),
    ("set", "e"): lambda shared, _seen, _value: shared.e.set(),
    ("wait", "e"): lambda shared, _seen, _value: shared.e.wait(),
}


def run(program: Program, engine: Engine) -> Outcome:
    """Carries the program out once, each thread in a real one, and waits for all of them."""
    shared = _Shared()
    seen: list[list[int]] = [[] for _ in program]

    def work(number: int, thread: Thread) -> Callable[[], None]:
        actions = [(_ACTIONS[step], seen[number], written(number, place)) for place, step in enumerate(thread)]

        def carry_out() -> None:
            for action, mine, value in actions:
                action(shared, mine, value)

        return carry_out

    engine.together(*(work(number, thread) for number, thread in enumerate(program)))
    return Outcome((shared.x, shared.y), tuple(map(tuple, seen)))


class Observed(NamedTuple):
    """All that was seen of a program: outcomes, and the ids of the threads that each deadlock left blocked."""

    verdict: str
    outcomes: set[Outcome]
    blocked: tuple[int, ...]


def observe(program: Program, engine: Engine, **settings: Any) -> Observed:
    """Explores the program; its first deadlock ends that."""
    explored = engine.explore(lambda: run(program, engine), **settings)
    if explored.error is not None and explored.verdict != "deadlock":
        raise explored.error
    blocked: tuple[int, ...] = ()
    if explored.verdict == "deadlock":
        blocked = tuple(sorted(int(each.id[1:]) for each in explored.failure.threads if each.id != "main"))
    return Observed(explored.verdict, set(explored.values), blocked)


# --- programs to try


def _releases_fit(thread: Thread) -> bool:
    """Whether each lock is held when it is given back, provided that the thread gets so far."""
    held = set()
    for kind, name in thread:
        if kind == "acquire":
            held.add(name)
        elif kind == "release":
            if name not in held:
                return False
            held.remove(name)
    return True


def _threads(kinds: tuple[str, ...], most: int) -> st.SearchStrategy[Thread]:
    steps = [step for step in _ACTIONS if step[0] in kinds]
    return st.lists(st.sampled_from(steps), min_size=1, max_size=most).map(tuple).filter(_releases_fit)


def programs(kinds: tuple[str, ...] = KINDS, *, threads: int = 3, steps: int = 3) -> st.SearchStrategy[Program]:
    """Two or more threads of one or more steps each; a lock is only given back by a thread that has taken it."""
    return st.lists(_threads(kinds, steps), min_size=2, max_size=threads).map(tuple)


def locked_programs(*, threads: int = 3, steps: int = 2) -> st.SearchStrategy[Program]:
    """Threads that do all that they do, which is to add, while they hold the same lock: always one and the same end."""

    def locked(program: Program) -> Program:
        return tuple((("acquire", "a"), *thread, ("release", "a")) for thread in program)

    return programs(("add",), threads=threads, steps=steps).map(locked)
