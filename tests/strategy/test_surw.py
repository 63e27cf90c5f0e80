"""SURW: every order of the interesting operations is equally likely, however long the threads are."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from pytest_racecheck import strategy
from pytest_racecheck.strategy.surw import Surw
from tests.strategy.players import make_threads

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Engine


def add(done: list[int], number: int) -> None:
    done.append(number)


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
            children = [threading.Thread(target=lambda: done.append("b")) for _ in range(7)]
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
        engine.together(*(partial(add, done, number) for number in range(12)))
        return done[0]

    # Random draws would leave somebody out with a chance of about 12 * (11/12)**60 = 0.06.
    assert set(engine.passes(body, strategy="surw", interleavings=60, seed=5)) == set(range(12))


def test_nobody_waits_for_a_thread_that_polls() -> None:
    surw = Surw(Random(1))
    intended, other = make_threads(2)
    surw._threads.update({thread.path: thread for thread in (intended, other)})
    surw._held.add(other)
    vars(surw)["_intended"] = intended.path
    surw.gave_way(intended)
    assert not surw._held
    assert surw._intended is None
    assert intended.priority < 0


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
    in_memory = [group for group in surw._tally.candidates() if isinstance(group, int)]
    assert len(in_memory) == 1
