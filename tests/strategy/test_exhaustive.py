"""The exhaustive search runs every class of equivalent interleavings once, and says so only if that is true."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from pytest_racecheck.engine.api import RunApi
from tests.engine import small_programs
from tests.engine.small_programs import EVENT_KINDS, Outcome, Program, number_of_interleavings, outcomes, programs
from tests.strategy.experiment import Experiment

if TYPE_CHECKING:
    from tests.conftest import Engine

MOST = 2_000

many = settings(
    # The tracer of 3.11 is several times as slow; what the strategy does is the same everywhere.
    max_examples=60 if sys.version_info >= (3, 12) else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


class Box:
    def __init__(self) -> None:
        self.value = 0
        self.lock = threading.Lock()


# --- it sees whatever a random walk sees


def appended_by_a_method_in_c(engine: Engine) -> object:
    found: list[int] = []
    lengths: list[int] = []
    threads = [
        threading.Thread(target=found.append, args=(1,)),
        threading.Thread(target=lambda: lengths.append(len(found))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return lengths


def a_timer_and_a_sleeper_at_the_same_time(engine: Engine) -> object:
    fired: list[int] = []
    timer = threading.Timer(1, fired.append, (1,))

    def cancel() -> None:
        time.sleep(1)
        timer.cancel()

    engine.together(timer.start, cancel)
    timer.join()
    return fired


def a_wait_that_times_out_while_it_ends(engine: Engine) -> object:
    event = threading.Event()
    results: list[bool] = []

    def wait() -> None:
        results.append(event.wait(1))

    def wake() -> None:
        time.sleep(1)
        event.set()

    engine.together(wait, wake)
    return results


def a_notification_at_the_deadline(engine: Engine) -> object:
    condition = threading.Condition()
    results: list[bool] = []

    def wait() -> None:
        with condition:
            results.append(condition.wait(1))

    def wake() -> None:
        time.sleep(1)
        with condition:
            condition.notify()

    engine.together(wait, wake)
    return results


def a_key_in_a_pattern(engine: Engine) -> object:
    state = {"phase": "idle"}
    starts: list[int] = []

    def start() -> None:
        match state:
            case {"phase": "idle"}:
                state["phase"] = "busy"
                starts.append(1)

    engine.together(start, start)
    return starts


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (appended_by_a_method_in_c, 2),
        (a_timer_and_a_sleeper_at_the_same_time, 2),
        (a_wait_that_times_out_while_it_ends, 2),
        (a_notification_at_the_deadline, 2),
        (a_key_in_a_pattern, 2),
    ],
)
def test_it_misses_no_outcome(engine: Engine, body: Callable[[Engine], object], number: int) -> None:
    walked = {str(value) for value in engine.passes(lambda: body(engine), strategy="random", interleavings=100)}
    assert len(walked) == number
    searched = engine.passes(lambda: body(engine), strategy="exhaustive", interleavings=100)
    assert {str(value) for value in searched} == walked


# --- exact numbers


def proved(engine: Engine, *functions: Callable[[], object] | Any, fresh: Callable[[], Any] | None = None) -> int:
    """The number of inequivalent interleavings of the functions, which all must pass."""

    def body() -> None:
        made = () if fresh is None else (fresh(),)
        engine.together(*((lambda function=function: function(*made)) for function in functions))

    explored = engine.explore(body, strategy="exhaustive", interleavings=MOST)
    assert explored.verdict == "proved", explored.result.notes
    assert explored.result.exhaustive
    return explored.result.distinct


def locked(box: Box) -> None:
    with box.lock:
        box.value += 1


def unlocked(box: Box) -> None:
    box.value += 1


def look(box: Box) -> int:
    return box.value


@pytest.mark.parametrize(("threads", "classes"), [(1, 1), (2, 2), (3, 6), (4, 24)])
def test_a_locked_counter_has_as_many_classes_as_orders(engine: Engine, threads: int, classes: int) -> None:
    assert proved(engine, *[locked] * threads, fresh=Box) == classes


def test_read_then_write_by_two_threads_has_four(engine: Engine) -> None:
    assert proved(engine, unlocked, unlocked, fresh=Box) == 4


def try_lock(box: Box) -> None:
    if box.lock.acquire(blocking=False):
        box.lock.release()


def test_an_attempt_that_fails_is_another_one_than_one_that_comes_later(engine: Engine) -> None:
    assert proved(engine, try_lock, try_lock, fresh=Box) == 4


def test_readers_have_one(engine: Engine) -> None:
    assert proved(engine, look, look, look, fresh=Box) == 1


def test_independent_objects_have_one(engine: Engine) -> None:
    def body() -> None:
        one, other = Box(), Box()
        engine.together(lambda: unlocked(one), lambda: unlocked(other))

    explored = engine.explore(body, strategy="exhaustive")
    assert (explored.verdict, explored.result.distinct) == ("proved", 1)


def test_items_of_a_list_are_independent_but_appending_is_not(engine: Engine) -> None:
    def store(place: int) -> Callable[[list[int]], None]:
        def write(results: list[int]) -> None:
            results[place] = place

        return write

    def append(results: list[int]) -> None:
        results.append(1)

    assert proved(engine, *map(store, range(3)), fresh=lambda: [0] * 3) == 1
    assert proved(engine, append, append, append, fresh=list) == 6


def test_new_keys_of_a_dict_have_an_order_and_old_ones_have_not(engine: Engine) -> None:
    def store(key: int) -> Callable[[dict[int, int]], None]:
        def write(results: dict[int, int]) -> None:
            results[key] = key

        return write

    assert proved(engine, store(1), store(2), fresh=lambda: {1: 0, 2: 0}) == 1
    assert proved(engine, store(1), store(2), fresh=dict) == 2


def test_an_event_is_seen_before_or_after_it_is_set(engine: Engine) -> None:
    seen = set()

    def body() -> None:
        event = threading.Event()
        engine.together(lambda: seen.add(event.is_set()), event.set)

    explored = engine.explore(body, strategy="exhaustive")
    assert (explored.verdict, explored.result.distinct, seen) == ("proved", 2, {False, True})


def test_whether_a_thread_has_been_started_is_seen_before_or_after_that(engine: Engine) -> None:
    seen = set()

    def body() -> None:
        late = threading.Thread(target=int)
        engine.together(lambda: seen.add(late.is_alive()), late.start)
        late.join()

    assert engine.explore(body, strategy="exhaustive").verdict == "proved"
    assert seen == {False, True}


def test_joining_a_thread_may_come_too_early(engine: Engine) -> None:
    def body() -> None:
        late = threading.Thread(target=int)
        engine.together(late.start, late.join)

    assert engine.explore(body, strategy="exhaustive").verdict == "race"


def test_equal_deadlines_are_a_choice(engine: Engine) -> None:
    def sleepy(box: Box) -> None:
        time.sleep(1)
        locked(box)

    assert proved(engine, sleepy, sleepy, sleepy, fresh=Box) == 6


def test_who_of_several_waiters_wakes_up_first_is_a_choice(engine: Engine) -> None:
    orders = set()

    def body() -> None:
        condition = threading.Condition()
        order: list[str] = []
        ready: list[int] = []

        def wait(name: str) -> None:
            with condition:
                while not ready:
                    condition.wait()
                order.append(name)

        def wake() -> None:
            with condition:
                ready.append(1)
                condition.notify_all()

        engine.together(lambda: wait("a"), lambda: wait("b"), wake)
        orders.add("".join(order))

    assert engine.explore(body, strategy="exhaustive", interleavings=MOST).verdict == "proved"
    assert orders == {"ab", "ba"}


def test_who_backs_off_in_time_is_a_choice(engine: Engine) -> None:
    counts = set()

    def body() -> None:
        first, second, backed_off = threading.Lock(), threading.Lock(), []

        def take(one: threading.Lock, other: threading.Lock) -> None:
            with one:
                if other.acquire(timeout=2):
                    other.release()
                else:
                    backed_off.append(1)

        engine.together(lambda: take(first, second), lambda: take(second, first))
        counts.add(len(backed_off))

    assert engine.explore(body, strategy="exhaustive", interleavings=MOST).verdict == "proved"
    assert counts == {0, 1, 2}


def test_queues_come_to_an_end(engine: Engine) -> None:
    def body() -> None:
        pipe: queue.Queue[int] = queue.Queue()
        engine.together(lambda: pipe.put(1), pipe.get, lambda: pipe.put(2), pipe.get)

    assert engine.explore(body, strategy="exhaustive", interleavings=MOST).verdict == "proved"


def test_simple_bugs_come_first(engine: Engine) -> None:
    def body() -> None:
        box = Box()
        engine.together(lambda: unlocked(box), lambda: unlocked(box), lambda: unlocked(box))
        assert box.value == 3

    explored = engine.explore(body, strategy="exhaustive")
    assert explored.verdict == "race"
    assert explored.result.first_failure is not None
    assert explored.result.first_failure <= 3


def test_the_budget_ends_it_without_a_proof(engine: Engine) -> None:
    def body() -> None:
        box = Box()
        engine.together(*[lambda: locked(box)] * 4)

    explored = engine.explore(body, strategy="exhaustive", interleavings=20)
    assert (explored.verdict, explored.result.exhaustive) == ("passed", False)


# --- what is no proof


def gaps_of(engine: Engine, body: Callable[[], object]) -> str:
    explored = engine.explore(body, strategy="exhaustive", interleavings=MOST)
    assert explored.verdict == "passed"
    return " ".join(explored.result.notes)


def test_unknown_c_code_is_no_base_for_a_proof(engine: Engine) -> None:
    import json

    def body() -> None:
        table = {"a": 1}
        engine.together(lambda: json.dumps(table), lambda: table.update(a=2))

    assert "calls dumps, which racecheck can't see into" in gaps_of(engine, body)


def test_a_thread_that_still_runs_at_the_end_is_none(engine: Engine) -> None:
    def body() -> None:
        box = Box()
        threading.Thread(target=lambda: locked(box), daemon=True).start()
        locked(box)

    assert "still ran when the test ended" in gaps_of(engine, body)


def test_polling_is_none(engine: Engine) -> None:
    def body() -> None:
        done: list[int] = []

        def wait() -> None:
            while not done:
                pass

        engine.together(wait, lambda: done.append(1))

    explored = engine.explore(body, strategy="exhaustive", interleavings=50)
    assert explored.verdict == "passed"


def test_two_clocks_are_none(engine: Engine) -> None:
    def body() -> None:
        engine.together(time.monotonic, time.monotonic)

    assert "more than one thread looks at the clock" in gaps_of(engine, body)


def test_an_atomic_block_is_one_step(engine: Engine) -> None:
    from pytest_racecheck.engine.api import RunApi

    api = RunApi(0)

    def body() -> None:
        box = Box()

        def increment() -> None:
            with api.atomic():
                unlocked(box)

        engine.together(increment, increment, increment)
        assert box.value == 3

    explored = engine.explore(body, strategy="exhaustive", interleavings=MOST)
    assert explored.verdict in ("proved", "passed")
    assert explored.error is None


# --- random programs against brute force


def explore_all(program: Program, *, model: str = "python", atomic: bool = False) -> tuple[set[Outcome], int, set[str]]:
    """All outcomes, deadlocks too; the number of classes; what speaks against a proof. ``atomic``: of each step."""
    around = RunApi(0).atomic if atomic else nullcontext

    def prepare() -> tuple[list[Callable[[], object]], Callable[[], Outcome]]:
        shared = small_programs._Shared()
        seen: list[list[int]] = [[] for _ in program]
        done: list[list[int]] = [[] for _ in program]

        def outcome() -> Outcome:
            blocked = tuple(number + 1 for number, ended in enumerate(done) if not ended)
            return Outcome((shared.x, shared.y), tuple(map(tuple, seen)), blocked)

        def work(number: int) -> None:
            for place, step in enumerate(program[number]):
                with around():
                    small_programs._ACTIONS[step](shared, seen[number], small_programs.written(number, place))
            done[number].append(1)

        return [partial(work, number) for number in range(len(program))], outcome

    with Experiment(prepare, model=model) as experiment:
        searched = experiment.searched(MOST)
    assert searched is not None, "comes to no end"
    return searched.outcomes, searched.classes, searched.gaps


def number_of_classes(program: Program) -> int:
    """Mazurkiewicz traces, counted by brute force: runs that differ in the order of dependent steps."""
    micro = [small_programs._micro_steps(thread) for thread in program]
    start = small_programs._State((0,) * len(program), (0, 0), ((),) * len(program), (0,) * len(program), (-1, -1, -1))
    classes = set()

    def go_on(state: Any, history: tuple[tuple[str, int, int, int, bool], ...]) -> None:
        enabled = small_programs._enabled(state, micro)
        if not enabled:
            classes.add(_canonical(history))
        for n in enabled:
            ((kind, which, _),) = step = micro[n][state.at[n]]
            kept = "lock" if kind in ("acquire", "release") else "attribute"
            entry = (kept, which, n, state.at[n], kind in ("read", "load"))
            go_on(small_programs._step(state, n, step), (*history, entry))

    go_on(start, ())
    return len(classes)


def _canonical(history: tuple[tuple[str, int, int, int, bool], ...]) -> object:
    """For each thing, its writes in their order, with the reads between them in none."""
    orders: dict[tuple[str, int], list[Any]] = {}
    for kept, which, n, at, reads in history:
        order = orders.setdefault((kept, which), [set()])
        if reads:
            order[-1].add((n, at))
        else:
            order += [(n, at), set()]
    return frozenset((thing, tuple(map(_frozen, order))) for thing, order in orders.items())


def _frozen(entry: object) -> object:
    return frozenset(entry) if isinstance(entry, set) else entry


@many
@given(program=programs())
def test_it_finds_what_brute_force_finds_and_each_class_once(program: Program) -> None:
    if number_of_interleavings(program) > 3_000:
        return
    found, classes, gaps = explore_all(program)
    assert found == outcomes(program)
    assert classes == number_of_classes(program)
    assert not gaps


@pytest.mark.parametrize(
    ("how", "most"),
    # Explicit points all depend on each other, and come on top of the program's own steps.
    [({"model": "gil"}, 200), ({"atomic": True}, 20)],
    ids=["gil", "atomic"],
)
def test_it_finds_what_brute_force_finds_where_steps_belong_together(how: dict[str, Any], most: int) -> None:
    @many
    @given(program=programs(steps=4))
    def check(program: Program) -> None:
        if number_of_interleavings(program, gil=True) > most:
            return
        found, _, gaps = explore_all(program, **how)
        assert found == outcomes(program, gil=True)
        assert not gaps

    check()


@many
@given(program=programs(EVENT_KINDS))
def test_it_finds_what_brute_force_finds_beside_an_event(program: Program) -> None:
    """An event is a lock, a condition and a flag: more steps than the program's own."""
    if number_of_interleavings(program) > 60:
        return
    found, _, gaps = explore_all(program)
    assert found == outcomes(program)
    assert not gaps


@pytest.mark.parametrize(
    "program",
    [
        # A thread that only has to begin, asleep, must not hide that it never did.
        ((("write", "x"),), (("write", "y"), ("read", "x"), ("read", "x")), (("acquire", "b"), ("read", "y"))),
        # The second thread never runs in the first run: what it waits for at the end could have been its own.
        ((("acquire", "a"), ("acquire", "a"), ("read", "y")), (("acquire", "a"), ("release", "a"))),
    ],
)
def test_programs_that_earlier_versions_got_wrong(program: Program) -> None:
    found, classes, _ = explore_all(program)
    assert found == outcomes(program)
    assert classes == number_of_classes(program)


def test_what_a_thread_waits_for_while_those_it_waits_for_sleep() -> None:
    """The third thread waits for a lock whose holder waits for the first one, which has nothing new to do any more."""
    program: Program = (
        (("write", "y"), ("set", "e")),
        (("write", "x"), ("acquire", "a"), ("wait", "e"), ("release", "a")),
        (("read", "x"), ("acquire", "a"), ("read", "y"), ("release", "a")),
    )
    found, _, _ = explore_all(program)
    assert found == outcomes(program)
    program = ((("write", "y"),), (("write", "x"), ("acquire", "a")), (("read", "x"), ("acquire", "a"), ("read", "y")))
    found, _, _ = explore_all(program)
    assert found == outcomes(program)


def test_steps_that_belong_together_are_turned_as_one() -> None:
    program: Program = ((("add", "x"), ("read", "y")), (("write", "x"), ("add", "y")), (("read", "x"),))
    found, _, gaps = explore_all(program, model="gil")
    assert found == outcomes(program, gil=True)
    assert not gaps
