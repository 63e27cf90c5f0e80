"""Which locks a thread holds, told from its ``with`` blocks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from pytest_racecheck.stacks import holding


def test_who_waits_for_a_notify_does_not_hold_the_condition() -> None:
    lock, outer = threading.Lock(), threading.Lock()
    plain, nested, of_a_lock = threading.Condition(), threading.Condition(), threading.Condition(lock)
    ready = threading.Semaphore(0)
    end = threading.Event()

    def in_plain() -> None:
        with plain:
            ready.release()
            plain.wait_for(end.is_set)

    def in_nested() -> None:
        with outer, nested, nested:
            ready.release()
            nested.wait_for(end.is_set)

    def in_lock() -> None:
        with lock:
            ready.release()
            of_a_lock.wait_for(end.is_set)

    functions: dict[Callable[[], None], list[object]] = {in_plain: [], in_nested: [outer], in_lock: []}
    threads = {threading.Thread(target=function): expected for function, expected in functions.items()}
    for thread in threads:
        thread.start()
    for _ in threads:
        ready.acquire()
    try:
        for thread, expected in threads.items():
            deadline = time.monotonic() + 20
            while (found := values(thread)) != expected and time.monotonic() < deadline:
                time.sleep(0.01)
            assert found == expected, thread.name
    finally:
        end.set()
        for condition in (plain, nested, of_a_lock):
            with condition:
                condition.notify_all()
        for thread in threads:
            thread.join()


def values(thread: threading.Thread) -> list[object]:
    assert thread.ident is not None
    return [taken.value for taken in holding.taken_by(sys._current_frames().get(thread.ident))]
