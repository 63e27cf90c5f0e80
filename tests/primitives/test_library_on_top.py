"""What the standard library builds on locks, inside a run."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, as_completed, wait
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Engine


def test_condition_wakes_as_many_as_told(engine: Engine) -> None:
    def body() -> None:
        condition, awake = threading.Condition(), []
        waiting = []

        def sleeper(number: int) -> None:
            with condition:
                waiting.append(number)
                if condition.wait(5):
                    awake.append(number)

        threads = [threading.Thread(target=sleeper, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        while True:
            with condition:
                if len(waiting) == 3:
                    condition.notify(2)
                    break
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        assert len(awake) == 2

    engine.passes(body)


def test_condition_wait_for(engine: Engine) -> None:
    def body() -> None:
        condition = threading.Condition()
        items: list[int] = []

        def produce() -> None:
            for number in range(2):
                with condition:
                    items.append(number)
                    condition.notify_all()

        thread = threading.Thread(target=produce)
        thread.start()
        with condition:
            assert condition.wait_for(lambda: len(items) == 2, timeout=10)
            assert not condition.wait_for(lambda: len(items) == 3, timeout=10)
        thread.join()

    engine.passes(body)


def test_event(engine: Engine) -> None:
    def body() -> None:
        event, late = threading.Event(), threading.Event()
        assert not event.wait(1)
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(event.wait())) for _ in range(2)]
        for thread in threads:
            thread.start()
        event.set()
        for thread in threads:
            thread.join()
        assert seen == [True, True]
        assert event.is_set()
        event.clear()
        assert not event.wait(0)
        assert not late.wait(0.5)

    engine.passes(body)


@pytest.mark.parametrize("kind", [threading.Semaphore, threading.BoundedSemaphore])
def test_semaphore_lets_as_many_in_as_it_counts(engine: Engine, kind: type[threading.Semaphore]) -> None:
    def body() -> int:
        semaphore, inside, most = kind(2), [], [0]

        def work() -> None:
            with semaphore:
                inside.append(1)
                most[0] = max(most[0], len(inside))
                inside.pop()

        engine.together(work, work, work)
        assert semaphore.acquire(blocking=False)
        assert semaphore.acquire(timeout=1)
        assert not semaphore.acquire(timeout=1)
        semaphore.release(2)
        if kind is threading.BoundedSemaphore:
            with pytest.raises(ValueError, match="released too many times"):
                semaphore.release()
        return most[0]

    assert set(engine.passes(body, interleavings=60, strategy="random")) == {1, 2}


def test_barrier(engine: Engine) -> None:
    def body() -> None:
        done: list[str] = []
        barrier = threading.Barrier(3, action=lambda: done.append("action"))
        places: list[int] = []

        def work() -> None:
            done.append("before")
            places.append(barrier.wait())
            done.append("after")

        engine.together(work, work, work)
        assert done == ["before"] * 3 + ["action"] + ["after"] * 3
        assert sorted(places) == [0, 1, 2]
        with pytest.raises(threading.BrokenBarrierError):
            barrier.wait(timeout=1)
        assert barrier.broken

    engine.passes(body)


def test_timer_fires_and_is_cancelled(engine: Engine) -> None:
    def body() -> None:
        fired: list[str] = []
        first = threading.Timer(5, fired.append, ["first"])
        second = threading.Timer(7, fired.append, kwargs={}, args=["second"])
        first.start()
        second.start()
        time.sleep(6)
        second.cancel()
        first.join()
        second.join()
        assert fired == ["first"]

    engine.passes(body)


def test_local_is_empty_in_each_thread_of_each_interleaving(engine: Engine) -> None:
    own = threading.local()

    def body() -> None:
        def work(number: int) -> None:
            assert not hasattr(own, "value")
            own.value = number
            time.sleep(1)
            assert own.value == number

        engine.together(lambda: work(1), lambda: work(2))

    engine.passes(body)


def test_executor(engine: Engine) -> None:
    def fail() -> None:
        raise OSError("broken")

    def body() -> None:
        with ThreadPoolExecutor(2, thread_name_prefix="pool", initializer=lambda: None) as pool:
            assert list(pool.map(lambda x: x * x, range(4))) == [0, 1, 4, 9]
            futures = [pool.submit(pow, 2, n) for n in range(3)]
            assert sorted(future.result(timeout=5) for future in as_completed(futures)) == [1, 2, 4]
            with pytest.raises(OSError, match="broken"):
                pool.submit(fail).result()
            slow = pool.submit(time.sleep, 60)
            with pytest.raises(TimeoutError):
                slow.result(timeout=1)
            done, pending = wait([pool.submit(int), slow], return_when=FIRST_COMPLETED)
            assert (len(done), pending) == (1, {slow})
            assert pool.submit(lambda: threading.current_thread().name).result().startswith("pool_")
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            pool.submit(int)

    engine.passes(body, interleavings=20)


def test_future_cancelled_or_run_but_never_both(engine: Engine) -> None:
    def body() -> str:
        ran = []
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(ran.append, 1)
            cancelled = future.cancel()
        assert cancelled != bool(ran)
        if cancelled:
            with pytest.raises(CancelledError):
                future.result()
        return "cancelled" if cancelled else "ran"

    assert set(engine.passes(body, interleavings=60, strategy="random")) == {"cancelled", "ran"}


def test_future_callbacks(engine: Engine) -> None:
    def body() -> None:
        called: list[int] = []
        future: Future[int] = Future()
        thread = threading.Thread(target=lambda: future.set_result(3))
        thread.start()
        future.add_done_callback(lambda each: called.append(each.result()))
        assert future.result() == 3
        thread.join()
        assert called == [3]

    engine.passes(body)
