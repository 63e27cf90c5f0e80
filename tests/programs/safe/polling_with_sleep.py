"""The reader looks, sleeps a little, and looks again until the value is there."""

import threading
import time

import pytest


class Mailbox:
    def __init__(self) -> None:
        self.letter: str | None = None

    def wait_for_letter(self) -> str:
        while self.letter is None:
            time.sleep(0.001)
        return self.letter

    def deliver(self) -> None:
        self.letter = "hello"


@pytest.mark.race
def test_letter_arrives() -> None:
    mailbox = Mailbox()
    read: list[str] = []
    threads = [
        threading.Thread(target=target) for target in (lambda: read.append(mailbox.wait_for_letter()), mailbox.deliver)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == ["hello"]
