"""Tests that hang, each in its own way: the sessions of `test_hangs` run this file, all of it in one session.

Every other way to hang must be over within the limit, so the whole takes a few seconds for each of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from pytest_racecheck.engine import real

explored = pytest.mark.race(interleavings=4)
LEFT, RIGHT = socket.socketpair()


def started(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function, name="worker")
    thread.start()
    return thread


# --- nobody explores these: ini racecheck_hang_timeout


def test_opposite_locks() -> None:
    first, second = threading.Lock(), threading.Lock()
    met = threading.Barrier(2)

    def work() -> None:
        with second:
            met.wait()
            with first:
                pass

    started(work)
    with first:
        met.wait()
        with second:
            pass


def test_queue_join() -> None:
    tasks: queue.Queue[int] = queue.Queue()
    tasks.put(1)
    tasks.join()


def test_pool_starvation() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: pool.submit(int).result()).result()


def test_thread_that_swallows_everything() -> None:
    def work() -> None:
        while True:
            with contextlib.suppress(BaseException):
                while True:
                    pass

    started(work).join()


@pytest.fixture
def endless_set_up() -> None:
    LEFT.recv(1)


def test_set_up(endless_set_up: None) -> None: ...


def test_set_up_again(endless_set_up: None) -> None: ...


# --- explored


@explored
def test_simple_queue_of_c() -> None:
    started(real.SimpleQueue().get).join()


@explored
def test_main_thread_in_a_lock() -> None:
    lock = real.allocate_lock()
    started(int)
    lock.acquire()
    lock.acquire()


@explored
def test_rlock_of_c() -> None:
    lock = real.rlock()
    lock.acquire()
    started(lock.acquire).join()


@explored
def test_livelock() -> None:
    locks = threading.Lock(), threading.Lock()

    def work(first: Any, second: Any) -> None:
        while True:
            with first:
                if second.acquire(blocking=False):
                    second.release()

    one, other = started(lambda: work(*locks)), started(lambda: work(*locks[::-1]))
    one.join()
    other.join()


@explored
def test_join_of_a_thread_in_recv() -> None:
    thread = started(lambda: LEFT.recv(1))
    thread.join()


@explored
def test_finally_that_blocks_again() -> None:
    lock = real.allocate_lock()
    lock.acquire()
    started(int)
    try:
        lock.acquire()
    finally:
        lock.acquire()


@explored
def test_fork() -> None:
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    process.start()
    started(int)
    process.join()


def take(items: Any) -> None:
    items.get()


@explored
def test_spawn_with_a_queue() -> None:
    spawn = multiprocessing.get_context("spawn")
    items: Any = spawn.Queue()
    process = spawn.Process(target=take, args=(items,))
    process.start()
    started(int)
    process.join()


@explored
def test_process_pools() -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool, ProcessPoolExecutor(1) as executor:
        executor.submit(int).result()
        pool.apply(time.sleep, (1000,))


@explored
def test_lock_of_multiprocessing() -> None:
    lock = multiprocessing.get_context("fork").Lock()
    lock.acquire()
    started(lock.acquire).join()


@explored
def test_subprocess() -> None:
    started(lambda: subprocess.run([sys.executable, "-c", "import time; time.sleep(1000)"], check=False)).join()


@explored
def test_code_that_keeps_the_gil() -> None:
    started(int)
    for microseconds in (900_000, 3_000_000):  # long enough for a look at it on a busy machine
        ctypes.PyDLL(None).usleep(microseconds)


@explored
@pytest.mark.usefixtures("endless_tear_down")
def test_tear_down() -> None:
    started(int)


@pytest.fixture
def endless_tear_down() -> Any:
    yield
    LEFT.recv(1)


# --- nothing of all this is left


@explored
def test_race_afterwards() -> None:
    thread = started(int)
    thread.join()


def test_afterwards() -> None:
    assert threading.Lock().acquire()
    assert not multiprocessing.active_children()
