"""The writer is done long before the reader wakes up: time orders them, as it does in countless real tests."""

import threading
import time

import pytest


@pytest.mark.race
def test_written_before_read() -> None:
    letters: dict[str, str] = {}
    read: list[str] = []

    def writer() -> None:
        time.sleep(0.01)
        letters["ann"] = "hello"

    def reader() -> None:
        time.sleep(0.1)
        read.append(letters["ann"])

    threads = [threading.Thread(target=target) for target in (reader, writer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == ["hello"]
