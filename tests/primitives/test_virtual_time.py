"""Virtual time: it costs nothing, never runs backwards, and passes only when nothing else can run."""

from __future__ import annotations

import calendar
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import real

if TYPE_CHECKING:
    from tests.conftest import Engine

CLOCKS = (time.monotonic, time.perf_counter, time.time)
NANOSECOND_CLOCKS = (time.monotonic_ns, time.perf_counter_ns, time.time_ns)


def test_a_day_of_sleep_passes_at_once(engine: Engine) -> None:
    def body() -> float:
        began = time.monotonic()
        engine.together(lambda: time.sleep(86_400), lambda: time.sleep(86_400))
        return time.monotonic() - began

    began = real.monotonic()
    durations = engine.passes(body, interleavings=10)
    assert real.monotonic() - began < 60  # ten days; the bound catches real sleeping alone
    assert all(86_400 <= duration < 86_401 for duration in durations[1:])
    assert 86_400 <= durations[0] < 2 * 86_401  # the serial schedule naps: one after the other


def test_sleepers_wake_in_the_order_of_their_deadlines(engine: Engine) -> None:
    def body() -> None:
        woken: list[int] = []

        def sleeper(seconds: int) -> None:
            time.sleep(seconds)
            woken.append(seconds)

        engine.together(*(lambda n=n: sleeper(n) for n in (3, 1, 2)))
        assert woken == [1, 2, 3]

    engine.passes(body, strategy="random")


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "directed", "auto"])
def test_equal_deadlines_strike_in_any_order(engine: Engine, strategy: str) -> None:
    def body() -> str:
        woken: list[str] = []

        def sleeper(name: str) -> None:
            time.sleep(1)
            woken.append(name)

        engine.together(lambda: sleeper("a"), lambda: sleeper("b"))
        return "".join(woken)

    assert set(engine.passes(body, strategy=strategy, interleavings=60)) == {"ab", "ba"}


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "directed", "auto"])
def test_a_time_out_strikes_only_when_nothing_else_can_run(engine: Engine, strategy: str) -> None:
    def body() -> None:
        event = threading.Event()

        def work() -> None:
            for _ in range(50):
                pass
            event.set()

        thread = threading.Thread(target=work)
        thread.start()
        assert event.wait(0.000_001)
        thread.join()

    engine.passes(body, strategy=strategy)


def test_clocks_run_forward_and_agree(engine: Engine) -> None:
    def body() -> None:
        first = [clock() for clock in CLOCKS]
        first_ns = [clock() for clock in NANOSECOND_CLOCKS]
        time.sleep(100)
        second = [clock() for clock in CLOCKS]
        second_ns = [clock() for clock in NANOSECOND_CLOCKS]
        for before, after in zip(first, second, strict=True):
            assert after - before == pytest.approx(100, abs=0.01)
        for before_ns, after_ns in zip(first_ns, second_ns, strict=True):
            assert after_ns - before_ns == pytest.approx(100e9, abs=1e7)
        for seconds, nanoseconds in zip(second, second_ns, strict=True):
            assert seconds == pytest.approx(nanoseconds / 1e9, abs=0.01)

    engine.passes(body, interleavings=3)


def test_a_clock_never_shows_the_same_time_twice(engine: Engine) -> None:
    def body() -> None:
        for clock in (time.monotonic_ns, time.perf_counter_ns, time.time_ns, time.monotonic):
            times = [clock() for _ in range(20)]
            assert times == sorted(set(times))

    engine.passes(body, interleavings=2)


def test_no_thread_sees_the_clock_run_backwards(engine: Engine) -> None:
    def body() -> None:
        seen: list[float] = []

        def look() -> None:
            for seconds in (0.0, 0.5, 0.1):
                time.sleep(seconds)
                seen.append(time.monotonic())
                assert seen[-1] >= max(seen[-2:])

        with_lock = threading.Lock()

        def locked() -> None:
            for _ in range(3):
                with with_lock:
                    seen.append(time.monotonic())
                    assert seen == sorted(seen)
                time.sleep(0.2)

        engine.together(locked, locked)
        seen.clear()
        look()

    engine.passes(body, strategy="random")


def test_the_clocks_start_near_the_real_ones(engine: Engine) -> None:
    def body() -> tuple[float, float]:
        return time.time(), time.monotonic()

    before = real.time_(), real.monotonic()
    values = engine.passes(body, interleavings=2)
    assert all(abs(now - then) < 60 for value in values for now, then in zip(value, before, strict=True))


def test_other_threads_keep_real_time(engine: Engine) -> None:
    """A thread from before the run neither sees virtual time nor is woken by it."""
    went: list[float] = []
    go, done = real.allocate_lock(), real.allocate_lock()
    go.acquire()
    done.acquire()

    def outside() -> None:
        go.acquire()
        went.append(time.monotonic())
        done.release()

    threading.Thread(target=outside, daemon=True).start()

    def body() -> None:
        time.sleep(1_000_000)
        if not went:
            go.release()
            done.acquire()

    engine.passes(body, interleavings=2)
    assert abs(went[0] - real.monotonic()) < 100_000


def test_wrong_durations(engine: Engine) -> None:
    def body() -> None:
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
        with pytest.raises(TypeError):
            time.sleep("long")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            time.sleep(seconds=1)  # type: ignore[call-arg]
        with pytest.raises(ValueError, match="NaN"):
            time.sleep(float("nan"))
        with pytest.raises(OverflowError):
            time.sleep(float("inf"))
        time.sleep(0)
        time.sleep(True)

    body()
    engine.passes(body, interleavings=2)


def test_sleeping_zero_lets_others_run(engine: Engine) -> None:
    def body() -> str:
        order: list[str] = []

        def work(name: str) -> None:
            order.append(name)
            time.sleep(0)
            order.append(name)

        engine.together(lambda: work("a"), lambda: work("b"))
        return "".join(order)

    orders = set(engine.passes(body, interleavings=60, strategy="random"))
    assert "aabb" in orders
    assert orders & {"abab", "abba", "baba", "baab"}


def seconds_of(moment: time.struct_time) -> float:
    return time.mktime(moment)


PRESENT: dict[str, Callable[[], float]] = {
    "datetime.now": lambda: datetime.now().timestamp(),
    "datetime.now with a time zone": lambda: datetime.now(UTC).timestamp(),
    "datetime.now of a subclass": lambda: Moment.now(tz=UTC).timestamp(),
    "datetime.utcnow": lambda: datetime.utcnow().replace(tzinfo=UTC).timestamp(),
    "datetime.today": lambda: datetime.today().timestamp(),
    "localtime": lambda: seconds_of(time.localtime()),
    "gmtime": lambda: calendar.timegm(time.gmtime()),
    "ctime": lambda: seconds_of(time.strptime(time.ctime())),
    "asctime": lambda: seconds_of(time.strptime(time.asctime())),
    "strftime": lambda: seconds_of(time.strptime(time.strftime("%Y-%m-%d %H:%M:%S"), "%Y-%m-%d %H:%M:%S")),
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "clock_gettime_ns": lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e9,
}


class Moment(datetime):
    """A test's own."""


@pytest.mark.filterwarnings("ignore:.*utcnow:DeprecationWarning")
@pytest.mark.parametrize("present", PRESENT.values(), ids=PRESENT.keys())
def test_every_way_to_ask_for_the_time_agrees_with_sleep(engine: Engine, present: Callable[[], float]) -> None:
    def body() -> None:
        def work() -> None:
            before = present()
            time.sleep(3600)
            assert 3599 <= present() - before <= 3602

        engine.together(work, work)

    engine.passes(body, interleavings=5)


def test_the_present_is_what_it_was_afterwards(engine: Engine) -> None:
    before = [datetime.__dict__[name] for name in ("now", "utcnow")]

    def body() -> None:
        assert isinstance(Moment.now(), Moment)
        assert type(datetime.now()) is datetime
        assert datetime.now(UTC).tzinfo is UTC
        assert time.strftime("%Y", (2001, 2, 3, 4, 5, 6, 7, 8, 0)) == "2001"
        assert time.localtime(0) == before_it
        with pytest.raises(TypeError):
            datetime.now("UTC")  # type: ignore[arg-type]

    before_it = time.localtime(0)
    engine.passes(body, interleavings=2)
    assert [datetime.__dict__[name] for name in ("now", "utcnow")] == before
    assert abs(datetime.now().timestamp() - time.time()) < 60


@pytest.mark.skipif(sys.version_info < (3, 12), reason="not deprecated yet")
def test_what_is_deprecated_says_so(engine: Engine) -> None:
    def body() -> None:
        with pytest.warns(DeprecationWarning, match=r"utcnow\(\) is deprecated") as warned:
            datetime.utcnow()
        assert warned[0].filename == __file__

    engine.passes(body, interleavings=1)
