"""`run` is overridden and keeps its result, which is read after `join`."""

import threading

import pytest


class Square(threading.Thread):
    def __init__(self, number: int) -> None:
        super().__init__(name=f"square-{number}")
        self.number = number
        self.result = 0

    def run(self) -> None:
        self.result = self.number * self.number


@pytest.mark.race
def test_results() -> None:
    squares = [Square(number) for number in (2, 3)]
    for square in squares:
        square.start()
    for square in squares:
        square.join()
    assert [square.result for square in squares] == [4, 9]
