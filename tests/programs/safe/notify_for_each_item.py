"""One call for each item: as many waiters wake up as there are items."""

import threading

import pytest


class Mailbox:
    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.letters: list[str] = []

    def put(self, letter: str) -> None:
        with self.condition:
            self.letters.append(letter)
            self.condition.notify()

    def take(self) -> str:
        with self.condition:
            while not self.letters:
                self.condition.wait()
            return self.letters.pop(0)


@pytest.mark.race
def test_two_readers() -> None:
    mailbox = Mailbox()
    taken: list[str] = []

    def postman() -> None:
        mailbox.put("a")
        mailbox.put("b")

    def reader() -> None:
        taken.append(mailbox.take())

    threads = [threading.Thread(target=target) for target in (postman, reader, reader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ["a", "b"]
