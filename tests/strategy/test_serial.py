"""The serial schedule: no preemption, and the thread that was started first goes next."""

from __future__ import annotations

from itertools import permutations

from pytest_racecheck.strategy.serial import Serial
from tests.strategy.players import make_ready, make_threads, play


def test_the_running_thread_goes_on_as_long_as_it_can() -> None:
    threads = make_threads(3)
    ready = make_ready(threads)
    assert all(Serial().choose(ready, thread, True) is thread for thread in threads)


def test_then_comes_the_one_that_was_started_first_whatever_the_order_in_which_they_were_enabled() -> None:
    main, *others = make_threads(4)
    for order in permutations(others):
        assert Serial().choose(make_ready(order), main, False) is others[0]


def test_a_thread_that_was_enabled_again_meanwhile_goes_on() -> None:
    # It blocked, the clock jumped, and it is enabled once more, together with one that was started before it.
    threads = make_threads(3)
    assert Serial().choose(make_ready(threads), threads[2], False) is threads[2]


def test_threads_run_one_after_the_other() -> None:
    played = play(Serial(), 3, 2, 4)
    assert played.order == "AAABBCCCC"
    assert (played.preemptions, played.schedule) == (0, ())


def test_a_sleep_is_no_reason_to_switch() -> None:
    assert all(Serial().naps(thread) for thread in make_threads(2))
