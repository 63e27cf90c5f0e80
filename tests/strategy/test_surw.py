"""SURW: every order of the interesting operations is equally likely, however long the threads are."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck import strategy
from pytest_racecheck.strategy.surw import Surw
from tests.strategy.players import make_threads

if TYPE_CHECKING:
    from tests.conftest import Engine


def test_a_short_thread_is_as_likely_to_come_late_as_early(engine: Engine) -> None:
    def body() -> int:
        done: list[str] = []

        def often() -> None:
            for _ in range(5):
                done.append("b")  # noqa: PERF401 - one operation each

        engine.together(lambda: done.append("a"), often)
        return done.index("a")

    seen = Counter(engine.passes(body, strategy="surw", interleavings=600))
    # Each of six places is expected about 100 times; a random walk would end one time in 32 in the last but one.
    assert set(seen) == set(range(6))
    assert min(seen.values()) > 45


def test_a_thread_stands_for_those_that_it_has_not_started_yet(engine: Engine) -> None:
    def body() -> int:
        done: list[str] = []

        def family() -> None:
            children = [threading.Thread(target=done.append, args=("b",)) for _ in range(7)]
            for child in children:
                child.start()
            for child in children:
                child.join()

        engine.together(family, lambda: done.append("a"))
        return done.index("a")

    seen = Counter(engine.passes(body, strategy="surw", interleavings=400))
    # Each of eight places is expected about 50 times.
    assert set(seen) == set(range(8))
    assert min(seen.values()) > 15


def test_everyone_comes_first_soon(engine: Engine) -> None:
    def body() -> int:
        done: list[int] = []
        threads = [threading.Thread(target=done.append, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done[0]

    # Random draws would leave somebody out with a chance of about 12 * (11/12)**60 = 0.06.
    assert set(engine.passes(body, strategy="surw", interleavings=60, seed=5)) == set(range(12))


def test_nobody_waits_for_a_thread_that_polls() -> None:
    surw = Surw(Random(1))
    threads = make_threads(2)
    surw._intended = threads[0].path
    surw._threads = {thread.path: thread for thread in threads}
    surw._held = {threads[1]}
    surw.gave_way(threads[0])
    assert surw._intended is None
    assert not surw._held
    assert threads[0].priority < 0


def test_what_is_always_done_under_one_lock_is_left_to_the_lock(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Account:
        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.locked = 0
            self.free = 0

        def work(self) -> None:
            with self.lock:
                self.locked += 1
            self.free += 1

    def body() -> None:
        account = Account()
        engine.together(account.work, account.work)

    surw = Surw(Random(1))
    monkeypatch.setattr(strategy, "create", lambda *_: surw)
    engine.explore(body)
    matter = [group for group in surw._means if isinstance(group, int) and surw._groups.matters(group)]
    assert len(matter) == 1
