"""Each thread looks at the flag of the other one before it raises its own: both may find the way free."""

import threading

import pytest


class Gate:
    def __init__(self) -> None:
        self.wants = [False, False]
        self.inside: list[int] = []

    def try_enter(self, me: int) -> None:
        if self.wants[1 - me]:
            return
        self.wants[me] = True
        self.inside.append(me)
        assert list(self.inside) == [me]
        self.inside.remove(me)
        self.wants[me] = False


@pytest.mark.race
def test_one_at_a_time() -> None:
    gate = Gate()
    threads = [threading.Thread(target=target) for target in (lambda: gate.try_enter(0), lambda: gate.try_enter(1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
