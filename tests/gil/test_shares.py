"""From clocks and samples to shares."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.gil import shares
from pytest_racecheck.gil.run import Run, ThreadTimes
from pytest_racecheck.gil.sampler import States

if TYPE_CHECKING:
    from pytest_racecheck.gil.classify import Numbers

THREAD = ThreadTimes("T", "f", wall=1.0, cpu=0.5, queued=0.0)


def run(*threads: ThreadTimes, wall: float = 1.0, count: int | None = None) -> Run:
    return Run(wall, list(threads), count or len(threads))


def alone(*seconds: float, cpu: float = 0.0) -> Run:
    """A serial run."""
    threads = [replace(THREAD, wall=each, cpu=cpu, alone=each) for each in seconds]
    return run(*threads, wall=sum(seconds))


def of(runs: list[Run], serial: Run | None = None, has_gil: bool = True) -> Numbers:
    return shares.numbers(runs, serial, 2, threaded=1.0, has_gil=has_gil)


class TestSampled:
    """With the sampler."""

    def test_what_blocked_a_thread_is_what_the_samples_say(self) -> None:
        thread = replace(THREAD, states=States(running=200, gil=100, futex=0, asleep=60, other=40))
        n = of([run(thread, thread)])
        assert (n.computing, n.gil, n.locks) == pytest.approx((0.5, 0.25, 0.0))
        assert n.waiting == pytest.approx(0.25)
        assert n.sampled

    def test_a_lock_that_is_not_ours_is_seen_all_the_same(self) -> None:
        assert of([run(replace(THREAD, states=States(200, 0, 200)))]).locks == pytest.approx(0.5)

    def test_waits_for_signals_are_left_out(self) -> None:
        thread = replace(THREAD, cpu=0.2, signal=0.6, states=States(80, 80, 240))
        n = of([run(thread, thread)])
        assert n.signals == pytest.approx(0.6)
        assert n.computing == pytest.approx(0.5)
        assert sum(astuple(shares.shown(n))) == pytest.approx(1, abs=0.001)

    def test_a_virtual_machine_that_stands_still_is_no_wait_of_the_program(self) -> None:
        n = of([run(replace(THREAD, cpu=0.4, states=States(running=400)))])
        assert n.queued == pytest.approx(0.6)
        assert n.waiting == pytest.approx(0.0)

    def test_without_a_gil_nobody_waits_for_it(self) -> None:
        n = of([run(replace(THREAD, states=States(200, 200)))], has_gil=False)
        assert (n.gil, n.locks) == pytest.approx((0.0, 0.5))


class TestReckoned:
    """Without it."""

    def test_the_gil_explains_what_the_serial_run_did_not_have(self) -> None:
        n = of([run(THREAD, THREAD)], alone(0.5, 0.5, cpu=0.5))
        assert n.gil == pytest.approx(0.5)
        assert not n.sampled

    def test_but_only_if_somebody_computed_all_the_time(self) -> None:
        thread = replace(THREAD, cpu=0.4)
        n = of([run(thread, thread)], alone(0.4, 0.4, cpu=0.4))
        assert n.gil == 0
        assert n.waiting == pytest.approx(0.6)

    def test_locks_and_the_waiting_of_the_serial_run_come_first(self) -> None:
        thread = replace(THREAD, lock=0.2)
        n = of([run(thread, thread)], alone(0.75, 0.75, cpu=0.5))
        assert n.locks == pytest.approx(0.2)
        assert n.gil == pytest.approx((1.0 - 0.5 - 0.4) / 2)


def test_the_ideal_is_limited_by_the_longest_thread_and_by_the_processors() -> None:
    waiting = run(*[replace(THREAD, cpu=0)] * 4)
    assert shares.ideal(alone(0.5, 0.5, 0.5, 0.5), [waiting], 2) == pytest.approx(4.0)
    lopsided = run(replace(THREAD, wall=3.0), THREAD)
    assert shares.ideal(alone(1.5, 0.5), [lopsided], 2) == pytest.approx(4 / 3)
    computing = run(*[replace(THREAD, wall=4.0)] * 4)
    assert shares.ideal(alone(0.5, 0.5, 0.5, 0.5, cpu=0.5), [computing], 2) == pytest.approx(2.0)


def test_work_from_a_queue_counts_as_it_was_shared_out() -> None:
    pool = run(*[replace(THREAD, cpu=0)] * 4)
    assert shares.ideal(alone(2.0, 0.0, 0.0, 0.0), [pool], 2) == pytest.approx(4.0)
