"""The reader relies on the writer having been there: when it comes first, `KeyError` ends its thread."""

import threading

import pytest


@pytest.mark.race
def test_setting_is_there() -> None:
    settings: dict[str, int] = {}
    read: list[int] = []

    def load() -> None:
        settings["limit"] = 10

    def use() -> None:
        read.append(settings["limit"])

    threads = [threading.Thread(target=target) for target in (load, use)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [10]
