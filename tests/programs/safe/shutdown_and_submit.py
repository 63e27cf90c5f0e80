"""A pool that is shut down refuses the task, and the producer takes that for an answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.mark.race
def test_submit_or_skip() -> None:
    pool = ThreadPoolExecutor(max_workers=1)
    done: list[int] = []

    def producer() -> None:
        try:
            pool.submit(done.append, 1)
        except RuntimeError:
            done.append(0)

    threads = [threading.Thread(target=target) for target in (producer, lambda: pool.shutdown(wait=False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.shutdown()
    assert done in ([0], [1])
