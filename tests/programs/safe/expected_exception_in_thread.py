"""The reader expects that the writer may not have been there yet, and handles it."""

import threading

import pytest


@pytest.mark.race
def test_setting_or_default() -> None:
    settings: dict[str, int] = {}
    read: list[int] = []

    def load() -> None:
        settings["limit"] = 10

    def use() -> None:
        try:
            read.append(settings["limit"])
        except KeyError:
            read.append(0)

    threads = [threading.Thread(target=target) for target in (load, use)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read in ([0], [10])
