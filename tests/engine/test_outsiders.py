"""Threads that racecheck does not control are alive while a test is explored."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_racecheck.engine.leftover import disown

if TYPE_CHECKING:
    from tests.conftest import Engine


def waits_with_a_limit() -> None:
    done = threading.Event()

    def waiter() -> None:
        while not done.wait(timeout=0.005):
            pass

    def worker() -> None:
        time.sleep(0.02)
        done.set()

    threads = [threading.Thread(target=target) for target in (waiter, worker)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_that_an_earlier_test_left_is_no_reason_for_a_deadlock(engine: Engine) -> None:
    jobs: queue.Queue[None] = queue.Queue()
    left = threading.Thread(target=jobs.get, daemon=True)
    left.start()
    explored = engine.explore(waits_with_a_limit)
    jobs.put(None)
    left.join()
    assert explored.verdict in ("passed", "proved"), explored.error
    assert not any("controlled" in note for note in explored.result.notes)


def test_one_that_runs_code_of_the_users_is_a_gap_of_the_proof(engine: Engine) -> None:
    jobs: queue.Queue[None] = queue.Queue()

    def serve() -> None:
        jobs.get()

    server = threading.Thread(target=serve, daemon=True, name="server of another test")
    server.start()
    explored = engine.explore(lambda: engine.together(int, int), strategy="exhaustive")
    jobs.put(None)
    server.join()
    assert explored.verdict == "passed"
    assert any(
        "server of another test, which is not controlled, is in test_outs" in note for note in explored.result.notes
    )
    assert engine.explore(lambda: engine.together(int, int), strategy="exhaustive").verdict == "proved"


class Shared:
    value = 0


def test_one_that_waits_for_work_and_gets_it_from_the_test_is_a_gap(engine: Engine) -> None:
    def job() -> None:
        Shared.value = 1

    def body() -> None:
        engine.together(lambda: pool.submit(job), lambda: Shared.value)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        explored = engine.explore(body, strategy="exhaustive", interleavings=200)
    assert explored.verdict == "passed"
    assert any("hands work to a thread that is not controlled" in note for note in explored.result.notes)


def test_what_is_left_of_an_earlier_test_does_not_make_time_real(engine: Engine) -> None:
    jobs: queue.Queue[None] = queue.Queue()
    left = threading.Thread(target=jobs.get, daemon=True)
    left.start()
    disown(left)
    reader, writer = os.pipe()

    def send() -> None:
        time.sleep(50)
        os.write(writer, b"x")

    engine.passes(lambda: engine.together(lambda: os.read(reader, 1), send), interleavings=3)
    jobs.put(None)
    left.join()
    os.close(reader)
    os.close(writer)


def test_the_tracker_of_multiprocessing_does_not_make_time_real(engine: Engine) -> None:
    started: list[subprocess.Popen[bytes]] = []
    script = "import sys; sys.stdin.read()  # multiprocessing.resource_tracker"

    def body() -> None:
        if not started:
            started.append(subprocess.Popen([sys.executable, "-S", "-c", script], stdin=subprocess.PIPE))
        engine.together(lambda: time.sleep(50), lambda: time.sleep(60))

    engine.passes(body, interleavings=3)
    started[0].communicate()
