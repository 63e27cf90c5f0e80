"""Each thread has a thread-local value of its own, and the main thread has none."""

import threading

import pytest


@pytest.mark.race
def test_own_values() -> None:
    local = threading.local()
    read: dict[str, str] = {}

    def work(name: str) -> None:
        assert not hasattr(local, "name")
        local.name = name
        read[name] = local.name

    threads = [threading.Thread(target=target) for target in (lambda: work("a"), lambda: work("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == {"a": "a", "b": "b"}
    assert not hasattr(local, "name")
