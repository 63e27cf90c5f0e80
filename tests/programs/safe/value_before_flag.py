"""The value is stored first, the flag goes up last: who sees the flag sees the value."""

import threading

import pytest


class Answer:
    def __init__(self) -> None:
        self.ready = False
        self.value: int | None = None

    def publish(self) -> None:
        self.value = 42
        self.ready = True


@pytest.mark.race
def test_ready_means_there() -> None:
    answer = Answer()
    read: list[int | None] = []

    def reader() -> None:
        if answer.ready:
            read.append(answer.value)

    threads = [threading.Thread(target=target) for target in (answer.publish, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read in ([], [42])
