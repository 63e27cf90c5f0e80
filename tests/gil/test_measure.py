"""Measurements of programs whose verdict noise does not change; others may only say that the machine is busy."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.gil import clocks, convoy, hot_lines, measure, run, sampler, shares, what_if
from pytest_racecheck.gil.limits import Limits, LimitsError, undecided, with_marker
from pytest_racecheck.gil.model import Convoy, HotLine, Measurement, Shares
from pytest_racecheck.gil.sampler import States
from pytest_racecheck.gil.together import InThreads
from pytest_racecheck.tutorial.tasks import cpu_task

if TYPE_CHECKING:
    from pytest_racecheck.gil.classify import Found

BUSY = ("starved of CPU", "inconclusive")


def measured(function: Callable[..., object], threads: int = 2, *args: object, limit: float = 0.5) -> Measurement:
    return measure.measure(InThreads(function, threads, args), "it", limit=limit)


class Once:
    """A subject that is no function in so many threads; counts how often it was renewed."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.renewed = 0

    def renew(self) -> None:
        self.renewed += 1


def test_waiting_overlaps() -> None:
    found = measured(time.sleep, 5, 0.05)
    assert found.verdict == "I/O-bound"
    assert found.speedup is not None
    assert found.speedup > 2
    assert found.ideal == pytest.approx(5, abs=1)
    assert found.shares.io > 0.5
    assert found.threads == 5


def test_waiting_with_a_lock_held_does_not() -> None:
    guard = threading.Lock()

    def wait() -> None:
        with guard:
            time.sleep(0.03)

    found = measured(wait, 4)
    assert (found.verdict, found.detail) == ("lock-bound", "waiting inside")
    assert found.lock == "guard"
    assert found.lock_lines == [(__file__, wait.__code__.co_firstlineno + 2)]
    assert "they wait while they hold guard, held at" in found.advice


def test_counting_gains_nothing() -> None:
    interval = sys.getswitchinterval()
    found = measured(cpu_task, 2, 1_000_000)
    assert found.verdict in ("GIL-bound", *BUSY)
    assert sys.getswitchinterval() == interval


def test_a_system_that_tells_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "_obstacle", lambda: "plan9 does not show what system call a thread is in")
    monkeypatch.setattr(clocks, "HAS_RUN_QUEUE", False)
    monkeypatch.setattr(clocks, "HAS_SWITCHES", False)
    monkeypatch.setattr(clocks, "_cpu_clock_of", None)
    found = measured(time.sleep, 4, 0.1)
    assert (found.verdict, found.tier, found.confidence) == ("I/O-bound", "processor times", "low")
    assert found.tier_reason.startswith(
        "plan9 does not show what system call a thread is in; not available: time without"
    )
    assert found.switches_per_second == 0


def test_threads_that_need_each_other_have_a_reason_instead_of_a_serial_run() -> None:
    done: list[int] = []

    def poll() -> None:
        while not done:
            time.sleep(0.001)

    def late() -> None:
        time.sleep(0.05)
        done.append(1)

    def body() -> None:
        done.clear()
        threads = [threading.Thread(target=poll), threading.Thread(target=late)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    subject = Once(body)
    found = measure.measure(subject, "it", limit=0.5)
    assert found.verdict in BUSY
    assert found.serial is found.speedup is None
    assert "(poll) at" in found.why or found.verdict == "starved of CPU"
    assert subject.renewed


def test_a_test_that_fails_when_serial_is_no_failure() -> None:
    def body() -> None:
        ended: list[int] = []

        def wait() -> None:
            time.sleep(0.3)
            ended.append(1)

        threads = [threading.Thread(target=wait) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert not ended, "they must overlap"
        for thread in threads:
            thread.join()

    found = measure.measure(Once(body), "it", limit=0.5)
    assert found.verdict == "inconclusive"
    assert "it fails when its threads run one after the other: AssertionError" in found.why


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_little_to_measure(threads: int) -> None:
    found = measured(cpu_task, threads, 10) if threads else measure.measure(Once(int), "it")
    assert found.verdict in (("single-threaded", "inconclusive") if threads == 2 else ("single-threaded",))


def test_both_switch_intervals_are_tried_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convoy, "_suffers", lambda thread: True)
    monkeypatch.setattr(convoy, "_HEAVY", 0)
    intervals: list[float] = []

    def body() -> None:
        intervals.append(sys.getswitchinterval())
        InThreads(cpu_task, 2, (100_000,)).call()

    interval = sys.getswitchinterval()
    convoy.find(Once(body), [run.together(body)])
    assert intervals == pytest.approx([interval, interval, convoy.SHORT_INTERVAL])
    assert sys.getswitchinterval() == interval


def test_runs_that_differ_have_no_verdict() -> None:
    def one(cpu: float) -> run.Run:
        states = States(int(cpu * 100), int(100 - cpu * 100))
        return run.Run(1.0, [run.ThreadTimes("T", "f", 1.0, cpu, 0.0, states=states)] * 2, 2)

    def found(*cpu: float) -> Found:
        runs = [one(each) for each in cpu]
        n = shares.numbers(runs, None, 2, threaded=1.0, has_gil=True)
        return measure._agreed(runs, None, n, 2)

    assert found(0.95, 0.5, 0.95, 0.95).verdict == "parallel"
    differing = found(0.95, 0.5, 0.95, 0.5)
    assert (differing.verdict, differing.detail) == ("inconclusive", "runs differ")
    assert "parallel 2 of 4" in differing.why
    assert "GIL-bound 2 of 4" in differing.why


def read_beside_one_who_computes() -> None:
    crunching, read = threading.Event(), threading.Event()

    def reader() -> None:
        crunching.wait()
        for _ in range(30):
            time.sleep(0.0005)
        read.set()

    def cruncher() -> None:
        crunching.set()
        while not read.is_set():
            cpu_task(100_000)

    threads = [threading.Thread(target=reader), threading.Thread(target=cruncher)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_convoy_is_confirmed_at_a_short_switch_interval() -> None:
    interval = sys.getswitchinterval()
    kept_off = 0
    for _ in range(5):
        first = run.together(read_beside_one_who_computes)
        found = convoy.find(Once(read_beside_one_who_computes), [first])
        assert sys.getswitchinterval() == interval
        if found is not None:
            break
        kept_off += any(
            thread.function.endswith("cruncher") and thread.cpu < 0.9 * thread.wall for thread in first.threads
        )
    if found is None and kept_off:
        pytest.skip("the machine is busy: the one that computes was kept from doing so")
    assert found is not None
    assert (found.victim, found.computes) == ("reader", "cruncher")
    assert found.latency > 2 * found.short_latency


class TestWhatIf:
    """Other ways than threads."""

    def test_each_way_is_tried_or_has_a_reason(self) -> None:
        found = what_if.what_if(cpu_task, 2, (1000,))
        assert list(found.ways) == ["threads", "fork pool", "spawn pool", "sub-interpreters"]
        for way in found.ways.values():
            assert (way.seconds is None) == bool(way.why_not), way
        assert found["threads"].speedup
        assert found["spawn pool"].speedup, found["spawn pool"].why_not
        if sys.version_info < (3, 12):
            assert "3.12" in found["sub-interpreters"].why_not
        else:
            assert found["sub-interpreters"].speedup, found["sub-interpreters"].why_not
        assert found.best is not None
        assert str(found).startswith("serial: ")

    def test_what_can_not_be_pickled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(what_if, "is_free_threaded", lambda: True)
        found = what_if.what_if(lambda: None, 1, ())
        assert found["spawn pool"].why_not.startswith("not picklable: ")
        assert found["sub-interpreters"].why_not
        assert found["threads"].name == "threads (no GIL)"

    def test_what_the_function_raises_is_raised(self) -> None:
        with pytest.raises(ZeroDivisionError):
            what_if.what_if(divmod, 2, (1, 0))


class TestLimits:
    """What a marker asks for."""

    FOUND = Measurement("it", serial=1.0, threaded=1.25, speedup=0.8, verdict="GIL-bound")

    def test_missed(self) -> None:
        assert Limits().missed(self.FOUND) == []
        assert Limits(0.8, 1.25, "GIL-bound").missed(self.FOUND) == []
        assert Limits(0.9, 1.2, "parallel").missed(self.FOUND) == [
            "verdict GIL-bound instead of parallel",
            "speed-up 0.80, at least 0.9 wanted",
            "1.25 times the serial time, at most 1.2 wanted",
        ]
        assert Limits(min_speedup=2).missed(Measurement("it")) == ["min_speedup=2 can't be told"]

    def test_a_busy_machine_decides_nothing(self) -> None:
        assert not undecided(self.FOUND)
        assert undecided(Measurement("it", verdict="starved of CPU"))
        assert undecided(Measurement("it", verdict="GIL-bound", disturbed=True))

    @pytest.mark.parametrize(
        ("positional", "named", "message"),
        [
            ((2,), {}, "positional argument 2 is not allowed; name it, as one of min_speedup, max_slowdown, verdict"),
            ((), {"speed": 1}, "unknown argument speed=1; allowed are"),
            ((), {"min_speedup": "2"}, "min_speedup: '2' is not allowed; give a number above 0"),
            ((), {"max_slowdown": 0}, "max_slowdown: 0 is not allowed"),
            ((), {"verdict": "gil"}, "verdict: 'gil' is not allowed; give one of GIL-bound, I/O-bound"),
        ],
    )
    def test_arguments(self, positional: tuple[object, ...], named: dict[str, object], message: str) -> None:
        with pytest.raises(LimitsError) as caught:
            with_marker(Limits(), positional, named)
        assert message in str(caught.value)


def test_lines_of_py_spy() -> None:
    text = "\n".join(
        [
            f"thread (7): T;run ({threading.__file__}:992);work (/x/my test.py:3);dumps ({json.__file__}:231) 30",
            f"thread (7): T;run ({threading.__file__}:992);work (/x/my test.py:4) 10",
            f"thread (7): T;run ({threading.__file__}:992) 60",
            "",
        ]
    )
    assert hot_lines.parse(text) == [
        HotLine("/x/my test.py", 3, "work", 0.75),
        HotLine("/x/my test.py", 4, "work", 0.25),
    ]


def test_plain_data_comes_back_the_same() -> None:
    found = Measurement(
        "it",
        shares=Shares(gil=0.5),
        convoy=Convoy("a", "b", 0.005, 0.0051, 0.0005, 0.0006),
        hot_lines=[HotLine("f", 1, "g", 1.0)],
        lock_lines=[("f", 2)],
    )
    data = json.loads(json.dumps(found.to_json()))
    assert Measurement.from_json({**data, "later": 1}) == found
