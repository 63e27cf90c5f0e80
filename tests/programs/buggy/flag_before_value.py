"""The flag goes up before the value is there: a reader that trusts the flag reads nothing."""

import threading

import pytest


class Answer:
    def __init__(self) -> None:
        self.ready = False
        self.value: int | None = None

    def publish(self) -> None:
        self.ready = True
        self.value = 42


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
