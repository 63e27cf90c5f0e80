"""`dict.pop` with a default gives the value to one thread and the default to the other."""

import threading

import pytest


@pytest.mark.race
def test_one_gets_it() -> None:
    lost_property = {"umbrella": "black"}
    found: list[str] = []

    def ask() -> None:
        found.append(lost_property.pop("umbrella", "nothing"))

    threads = [threading.Thread(target=target) for target in (ask, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["black", "nothing"]
