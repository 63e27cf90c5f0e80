"""The receiver counts its attempts, not what it received: one attempt too early, and it expects the next number."""

import threading

import pytest

SIZE = 10
ROUNDS = 7


class Log:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.buffer = [0] * SIZE
        self.first = 0
        self.next = 0
        self.may_send = True
        self.may_receive = False

    def insert(self, value: int) -> None:
        if self.next < SIZE:
            self.buffer[self.next] = value
            self.next = (self.next + 1) % SIZE

    def remove(self) -> int:
        if self.next > 0 and self.first < SIZE:
            self.first += 1
            return self.buffer[self.first - 1]
        return -1

    def send(self) -> None:
        for i in range(ROUNDS):
            with self.lock:
                if self.may_send:
                    self.insert(i)
                    self.may_send = False
                    self.may_receive = True

    def receive(self) -> None:
        for i in range(ROUNDS):
            with self.lock:
                if self.may_receive:
                    assert self.remove() == i
                    self.may_receive = False
                    self.may_send = True


@pytest.mark.race
def test_each_number_in_turn() -> None:
    log = Log()
    threads = [threading.Thread(target=target) for target in (log.send, log.receive)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
