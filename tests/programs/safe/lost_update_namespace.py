"""The attribute of the namespace is only touched under the lock."""

import threading
import types

import pytest


@pytest.mark.race
def test_two_errors() -> None:
    lock = threading.Lock()
    stats = types.SimpleNamespace(errors=0)

    def fail() -> None:
        with lock:
            stats.errors = stats.errors + 1

    threads = [threading.Thread(target=target) for target in (fail, fail)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stats.errors == 2
