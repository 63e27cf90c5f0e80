"""A thread that is left with one of logging's locks, which are older than racecheck, does not stop the session."""

from __future__ import annotations

import pytest

PROGRAM = """
import ctypes, logging, queue, socket, threading
import pytest

ENDS = socket.socketpair()




def parked():
    ENDS[0].recv(1)


def waits():
    queue.Queue().get()


def in_native_code():
    ctypes.CDLL(None).sleep(1000)


def deaf():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def holding(blocks):
    with logging._lock:
        blocks()


@pytest.mark.race(interleavings=3, timeout=1)
@pytest.mark.parametrize("blocks", [parked, waits, in_native_code, deaf])
def test_left(blocks):
    thread = threading.Thread(target=holding, args=(blocks,))
    thread.start()
    thread.join()


@pytest.mark.race(interleavings=3, timeout=1)
def test_skipped():
    thread = threading.Thread(target=holding, args=(waits,))
    thread.start()
    thread.join(0.1)
    pytest.skip("the thread is left")


@pytest.mark.race(interleavings=3, timeout=1)
def test_passes():
    thread = threading.Thread(target=holding, args=(waits,), daemon=True)
    thread.start()
    thread.join(0.1)
"""

OTHER = """
import logging, threading
import pytest

@pytest.mark.race(interleavings=3)
def test_explored():
    thread = threading.Thread(target=logging.warning, args=("from a thread",))
    thread.start()
    thread.join()

def test_other():
    logging.getLogger("other").addHandler(logging.NullHandler())
"""

UNMARKED = """
import logging, socket, threading

def test_left():
    ends = socket.socketpair()
    def hold():
        with logging._lock:
            ends[0].recv(1)
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
"""

LOST = """
import ctypes, logging
import pytest

@pytest.mark.race(interleavings=3, timeout=1)
def test_left():
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    libc.pthread_mutex_lock(mutex)
    with logging._lock:
        libc.pthread_mutex_lock(mutex)
"""


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.mark.parametrize("strategy", ["auto", "stress"])
def test_explored(pytester: pytest.Pytester, strategy: str) -> None:
    pytester.makepyfile(test_a=PROGRAM, test_b=OTHER)
    result = pytester.runpytest_subprocess("-p", "racecheck", f"--racecheck-strategy={strategy}", timeout=100)
    result.assert_outcomes(passed=3, failed=4, skipped=1)


def test_not_explored(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=UNMARKED, test_b=OTHER)
    result = pytester.runpytest_subprocess("-p", "racecheck", "-o", "racecheck_hang_timeout=1", timeout=60)
    result.assert_outcomes(passed=2, failed=1)


def test_a_main_thread_that_is_lost(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LOST)
    result = pytester.runpytest_subprocess("-p", "racecheck", "--junitxml=out.xml", timeout=60)
    result.assert_outcomes(failed=1)
    assert "the session ends here" in (pytester.path / "out.xml").read_text()
