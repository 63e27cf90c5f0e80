"""`os.environ` is a dict in Python: reading a variable and writing it are two steps, as with any other."""

import os
import threading

import pytest


@pytest.mark.race
def test_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNT", "0")

    def count() -> None:
        os.environ["COUNT"] = str(int(os.environ["COUNT"]) + 1)

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.environ["COUNT"] == "2"
