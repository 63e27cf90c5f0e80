"""The pool is started on first use, under a module-level lock, and its threads appear as tasks come."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


class Service:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pool: ThreadPoolExecutor | None = None
        self.started = 0

    def run(self, number: int) -> int:
        with self.lock:
            if self.pool is None:
                self.pool = ThreadPoolExecutor(max_workers=2)
                self.started += 1
            pool = self.pool
        return pool.submit(abs, number).result()


@pytest.mark.race
def test_started_once() -> None:
    service = Service()
    results: list[int] = []
    threads = [
        threading.Thread(target=target)
        for target in (lambda: results.append(service.run(-1)), lambda: results.append(service.run(-2)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.pool is not None
    service.pool.shutdown()
    assert sorted(results) == [1, 2]
    assert service.started == 1
