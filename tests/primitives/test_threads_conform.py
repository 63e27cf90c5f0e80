"""Threads behave as the originals do, inside a run."""

from __future__ import annotations

import _thread
import functools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from tests.conftest import Engine


def lifecycle() -> list[object]:
    """What can be seen of a thread from its making to its end."""
    go = threading.Event()
    inside: list[object] = []

    def work(number: int, *, word: str) -> None:
        go.wait()
        me = threading.current_thread()
        inside.extend([number, word, me.name, me is thread, me.is_alive(), me.daemon, me.ident == _thread.get_ident()])
        inside.append(me.native_id == threading.get_native_id())
        with pytest.raises(RuntimeError, match="cannot join current thread"):
            me.join()

    before = threading.active_count()
    thread = threading.Thread(target=work, args=(1,), kwargs={"word": "one"}, name="worker", daemon=True)
    found: list[object] = [thread.is_alive(), thread.ident, "initial" in repr(thread)]
    with pytest.raises(RuntimeError, match="cannot join thread before it is started"):
        thread.join()
    thread.start()
    found += [thread.is_alive(), thread.ident in [t.ident for t in threading.enumerate()], "started" in repr(thread)]
    found += [threading.active_count() - before, thread.join(0.01), thread.join(timeout=-1), thread.is_alive()]
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    with pytest.raises(RuntimeError, match="cannot set daemon status of active thread"):
        thread.daemon = False
    go.set()
    found += [thread.join(), thread.join(), thread.join(1), thread.is_alive(), "stopped" in repr(thread)]
    found += [threading.active_count() - before, thread in threading.enumerate(), thread.ident is not None]
    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    return found + inside


def test_the_life_of_a_thread_is_as_outside_a_run(engine: Engine) -> None:
    expected = lifecycle()
    for found in engine.passes(lifecycle, interleavings=15):
        assert found == expected


class Doubling(threading.Thread):
    """As people write them: a run() of its own, and attributes."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.doubled: int | None = None

    def run(self) -> None:
        self.doubled = self.number * 2


class StartsLate(Doubling):
    started_by_hand = False

    def start(self) -> None:
        self.started_by_hand = True
        super().start()

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout)
        assert self.doubled is not None


@pytest.mark.parametrize("kind", [Doubling, StartsLate])
def test_subclasses(engine: Engine, kind: type[Doubling]) -> None:
    def body() -> None:
        threads = [kind(number) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
            assert "run" not in vars(thread)
        assert [thread.doubled for thread in threads] == [0, 2, 4]

    engine.passes(body)


def test_a_run_that_was_set_on_the_thread_itself(engine: Engine) -> None:
    def body() -> None:
        called: list[int] = []
        thread = threading.Thread()
        mine = functools.partial(called.append, 1)
        thread.run = mine  # type: ignore[method-assign]
        thread.start()
        thread.join()
        assert called == [1]
        assert thread.run is mine

    engine.passes(body, interleavings=5)


def test_names_are_the_same_in_every_interleaving(engine: Engine) -> None:
    def body() -> list[str]:
        def work() -> None: ...

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [thread.name for thread in threads]

    first, *others = engine.passes(body, interleavings=5)
    assert first == ["Thread-1 (work)", "Thread-2 (work)"]
    assert all(each == first for each in others)


def test_raw_threads_are_controlled(engine: Engine) -> None:
    def body() -> None:
        count = [0]
        done = _thread.allocate_lock()
        done.acquire()

        def work(by: int, *, last: bool = False) -> None:
            if by:
                count[0] += by
            if last:
                done.release()

        ident = _thread.start_new_thread(work, (1,), {"last": True})
        assert isinstance(ident, int)
        count[0] += 1
        done.acquire()
        assert count[0] == 2

    explored = engine.explore(body, interleavings=100)
    assert explored.verdict == "race"
    assert [each.thread for each in explored.failure.preemptions] in (["main"], ["T1"])


def test_raw_threads_check_their_arguments_as_the_original(engine: Engine) -> None:
    def body() -> None:
        with pytest.raises(TypeError):
            _thread.start_new_thread(1, ())  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            _thread.start_new_thread(int, [])  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            _thread.start_new_thread(int, (), 3)  # type: ignore[call-overload]

    body()
    engine.passes(body, interleavings=2)


def test_threads_start_threads_and_outlive_them(engine: Engine) -> None:
    def body() -> None:
        done: list[str] = []

        def grandchild() -> None:
            time.sleep(1)
            done.append("grandchild")

        def child() -> None:
            thread = threading.Thread(target=grandchild)
            thread.start()
            threads.append(thread)

        threads: list[threading.Thread] = []
        first = threading.Thread(target=child)
        first.start()
        first.join()
        threads[0].join()
        assert done == ["grandchild"]

    engine.passes(body)


def test_a_thread_that_can_not_be_started(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    def body() -> None:
        thread = threading.Thread(target=int)
        with monkeypatch.context() as patch:
            for name in ("_start_new_thread", "_start_joinable_thread"):
                if hasattr(threading, name):
                    patch.setattr(threading, name, refuse)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                thread.start()
        assert not thread.is_alive()
        engine.together(int, int)

    engine.passes(body, interleavings=3)
    assert threading.active_count() == len(threading.enumerate())


@pytest.mark.parametrize("strategy", ["random", "exhaustive"])
def test_join_of_a_thread_that_is_about_to_start(engine: Engine, strategy: str) -> None:
    def body() -> str:
        late = threading.Thread(target=print, kwargs={"end": ""})
        ends: list[str] = []

        def wait() -> None:
            try:
                late.join()
            except RuntimeError:
                ends.append("not started")
            else:
                ends.append("ended")

        engine.together(late.start, wait, wait)
        late.join()
        return " ".join(sorted(ends))

    values = engine.passes(body, interleavings=300, strategy=strategy)
    assert set(values) == {"ended ended", "ended not started", "not started not started"}


def has_an_ident(thread: threading.Thread) -> bool:
    return thread.ident is not None


def says_started(thread: threading.Thread) -> bool:
    return "started" in repr(thread)


def is_not_said_to_have_stopped(thread: threading.Thread) -> bool:
    return "stopped" not in f"{thread}"


@pytest.mark.parametrize("strategy", ["random", "exhaustive"])
@pytest.mark.parametrize("look", [has_an_ident, says_started, is_not_said_to_have_stopped])
def test_what_a_thread_tells_of_itself_while_another_starts_it(
    engine: Engine, look: Callable[[threading.Thread], bool], strategy: str
) -> None:
    seen = set()

    def body() -> None:
        thread = threading.Thread(target=int)
        engine.together(thread.start, lambda: seen.add(look(thread)))
        thread.join()

    assert engine.explore(body, strategy=strategy, interleavings=20).verdict in ("passed", "proved")
    assert seen == {True, False}


def test_what_the_list_of_threads_shows_is_not_proved(engine: Engine) -> None:
    def body() -> None:
        engine.together(int, threading.active_count)
        engine.together(int, threading.enumerate)

    assert engine.explore(body, strategy="exhaustive", interleavings=200).verdict == "passed"


def start_from_two_threads(engine: Engine) -> dict[str, str]:
    """What came of it for either of them: the second one gets an error."""
    thread = threading.Thread(target=int)
    seen: dict[str, str] = {}

    def start(name: str) -> None:
        try:
            thread.start()
            seen[name] = "started"
        except RuntimeError as error:
            seen[name] = str(error)

    engine.together(functools.partial(start, "first"), functools.partial(start, "second"))
    thread.join()
    return seen


@pytest.mark.parametrize("strategy", ["exhaustive", "random", "pct"])
def test_a_thread_that_two_threads_start(engine: Engine, strategy: str) -> None:
    outcomes = engine.passes(lambda: start_from_two_threads(engine), strategy=strategy)
    assert all(sorted(seen.values()) == ["started", "threads can only be started once"] for seen in outcomes)
    assert {seen["first"] for seen in outcomes} == {"started", "threads can only be started once"}


def test_threads_that_two_threads_started_leave_nothing_behind_at_exit(tmp_path: Path) -> None:
    """The list of threads that the interpreter waits for in the end holds each of them once."""
    test = tmp_path / "test_it.py"
    test.write_text(
        "import threading\n"
        "def test_it(racecheck):\n"
        "    thread = threading.Thread(target=print)\n"
        "    def start():\n"
        "        try:\n"
        "            thread.start()\n"
        "        except RuntimeError:\n"
        "            pass\n"
        "    racecheck.run(start, start)\n"
        "    thread.join()\n"
    )
    options = ("-p", "racecheck", "--racecheck-all", "--racecheck-strategy=random", "-p", "no:cacheprovider", "-q")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, test], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""


def test_join_with_a_time_out_of_a_thread_that_goes_on(engine: Engine) -> None:
    def body() -> bool:
        thread = threading.Thread(target=time.sleep, args=(10,))
        thread.start()
        thread.join(3)
        alive = thread.is_alive()
        thread.join()
        assert not thread.is_alive()
        return alive

    assert all(engine.passes(body)[1:])  # the serial schedule lets the thread nap


def test_system_exit_ends_its_thread_alone(engine: Engine) -> None:
    def body() -> None:
        def leave() -> None:
            raise SystemExit(3)

        engine.together(leave, _thread.exit, int)

    engine.passes(body, interleavings=5)


def test_threading_settrace_and_profile_reach_controlled_threads(engine: Engine) -> None:
    """Whoever asked for a profile of new threads gets it."""
    seen: list[int] = []

    def profile(*_: object) -> None:
        seen.append(1)

    def body() -> None:
        threading.setprofile(profile)
        try:
            engine.together(int)
        finally:
            threading.setprofile(None)  # type: ignore[arg-type]

    engine.passes(body, interleavings=2)
    assert seen


def test_the_class_itself_stays(engine: Engine) -> None:
    assert threading.Thread.start.__name__ == real.thread_start.__name__ == "start"
    assert isinstance(threading.current_thread(), threading.Thread)
    assert not isinstance(threading.main_thread(), threading._DummyThread)

    def body() -> None:
        kinds: list[bool] = []

        def work() -> None:
            kinds.append(type(threading.current_thread()) is threading.Thread)

        start: Callable[[], None] = threading.Thread(target=work).start
        start()
        engine.together(work)
        assert kinds == [True] * len(kinds)

    engine.passes(body, interleavings=3)
