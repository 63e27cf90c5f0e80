"""A one-item list as a token: `pop` takes it from all others, `append` gives it back."""

import threading

import pytest


class Token:
    def __init__(self) -> None:
        self.token = [True]
        self.entered = 0
        self.refused: list[bool] = []

    def enter(self) -> None:
        try:
            self.token.pop()
        except IndexError:
            self.refused.append(True)
            return
        self.entered += 1
        self.token.append(True)


@pytest.mark.race
def test_one_at_a_time() -> None:
    token = Token()
    threads = [threading.Thread(target=target) for target in (token.enter, token.enter)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert token.entered + len(token.refused) == 2
