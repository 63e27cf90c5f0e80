"""A class pattern reads attributes, by position or by name, like any other expression does."""

import threading
from dataclasses import dataclass

import pytest


@dataclass
class Door:
    is_open: bool
    passages: int = 0

    def close(self) -> None:
        match self:
            case Door(True, passages=0):
                self.is_open = False
                self.passages += 1


@pytest.mark.race
def test_close() -> None:
    door = Door(True)
    threads = [threading.Thread(target=door.close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert door.passages == 1
    assert not door.is_open
