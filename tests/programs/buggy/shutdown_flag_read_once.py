"""The producer looks at the flag, then submits: a pool that is shut down in between refuses the task."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_submit_or_skip() -> None:
    pool = ThreadPoolExecutor(max_workers=1)
    closed = threading.Event()
    done: list[int] = []

    def producer() -> None:
        if not closed.is_set():
            pool.submit(done.append, 1)

    def closer() -> None:
        closed.set()
        pool.shutdown(wait=False)

    threads = [threading.Thread(target=target) for target in (producer, closer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.shutdown()
    assert done in ([], [1])
