"""The reader spins without a pause until the flag is up; the scheduler must let the writer have its turn."""

import threading

import pytest


class Flag:
    def __init__(self) -> None:
        self.up = False

    def wait(self) -> None:
        while not self.up:
            pass

    def raise_it(self) -> None:
        self.up = True


@pytest.mark.race
def test_flag_goes_up() -> None:
    flag = Flag()
    threads = [threading.Thread(target=target) for target in (flag.wait, flag.raise_it)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flag.up
