"""Signals that a test sends itself, and timers that it sets, end the waits of the main thread as they always do."""

from __future__ import annotations

import _thread
import contextlib
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import current

if TYPE_CHECKING:
    from tests.conftest import Engine

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals here")


class AlarmError(Exception):
    """Raised by the handler."""


@contextlib.contextmanager
def alarm(action: Callable[[], object]) -> Iterator[None]:
    """A handler, and a timer that strikes soon."""
    before = signal.signal(signal.SIGALRM, lambda *_: action())
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def strike() -> None:
    raise AlarmError


def hold(lock: threading.Lock) -> None:
    lock.acquire()
    lock.acquire()


def recv() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.recv(1)


WAITS: dict[str, Callable[[], object]] = {
    "lock": lambda: hold(threading.Lock()),
    "queue": lambda: queue.Queue[int]().get(),
    "event": lambda: threading.Event().wait(),
    "event for long": lambda: threading.Event().wait(1000),
    "sleep": lambda: time.sleep(1000),
    "socket": recv,
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
def test_a_handler_that_raises_ends_a_wait(engine: Engine, wait: Callable[[], object]) -> None:
    def body() -> None:
        thread = threading.Thread(target=int)
        thread.start()
        with pytest.raises(AlarmError), alarm(strike):
            wait()
        thread.join()

    engine.passes(body, interleavings=4)


def test_a_handler_that_raises_ends_a_join(engine: Engine) -> None:
    def body() -> None:
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        with pytest.raises(AlarmError), alarm(strike):
            thread.join()
        event.set()
        thread.join()

    engine.passes(body, interleavings=4)


def test_a_handler_frees_what_all_wait_for(engine: Engine) -> None:
    def body() -> None:
        event = threading.Event()
        with alarm(event.set):
            engine.together(event.wait, event.wait)
        assert event.is_set()

    engine.passes(body, interleavings=4)


def test_a_timer_that_is_there_for_emergencies_hides_no_deadlock(engine: Engine) -> None:
    def body() -> None:
        with alarm(strike):
            signal.setitimer(signal.ITIMER_REAL, 3600)
            engine.together(threading.Event().wait)

    assert engine.explore(body).verdict == "deadlock"


INTERRUPTS: dict[str, Callable[[], object]] = {
    "interrupt_main": lambda: _thread.interrupt_main(),  # noqa: PLW0108 - looked up while there is a stand-in
    "raise_signal": lambda: signal.raise_signal(signal.SIGINT),
    "kill": lambda: os.kill(os.getpid(), signal.SIGINT),
}


@pytest.mark.parametrize("interrupt", INTERRUPTS.values(), ids=INTERRUPTS.keys())
def test_an_interrupt_that_the_test_expects_is_an_exception_like_all(
    engine: Engine, interrupt: Callable[[], object]
) -> None:
    def body() -> None:
        def at_once() -> None:
            interrupt()
            time.sleep(1)

        def work() -> None:
            interrupt()
            sent.put(1)

        sent: queue.Queue[int] = queue.Queue()
        thread = threading.Thread(target=work)

        def from_a_thread() -> None:
            thread.start()
            sent.get()
            while True:
                time.sleep(0.01)

        with pytest.raises(KeyboardInterrupt):
            at_once()
        with pytest.raises(KeyboardInterrupt):
            from_a_thread()
        thread.join()

    engine.passes(body, interleavings=4)


def test_a_handler_of_the_test_gets_the_interrupt_that_it_sends(engine: Engine) -> None:
    def body() -> None:
        seen: list[int] = []
        before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
        try:
            engine.together(lambda: os.kill(os.getpid(), signal.SIGINT))
            time.sleep(0)
        finally:
            signal.signal(signal.SIGINT, before)
        assert seen == [signal.SIGINT]
        assert current.thread is not None
        taken = current.thread.scheduler.signals.takes(KeyboardInterrupt())
        assert not taken, "a person's Ctrl-C would be taken for the test's own"

    engine.passes(body, interleavings=3)
