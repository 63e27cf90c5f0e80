"""A task of a one-thread pool waits for another task of the same pool, unless somebody warmed the cache before it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

VERDICT = "deadlock"


class Cache:
    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.value: int | None = None

    def fill(self) -> int:
        self.value = 42
        return self.value

    def get(self) -> int:
        if self.value is None:
            return self.pool.submit(self.fill).result()
        return self.value


@pytest.mark.race
def test_warm_and_get() -> None:
    cache = Cache()
    got: list[int] = []

    def warm() -> None:
        cache.pool.submit(cache.fill).result()

    def use() -> None:
        got.append(cache.pool.submit(cache.get).result())

    threads = [threading.Thread(target=target) for target in (warm, use)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.pool.shutdown()
    assert got == [42]
