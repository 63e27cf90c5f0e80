"""A yield fixture starts the server before the test and stops it after, in every interleaving."""

import queue
import threading
from collections.abc import Iterator

import pytest


class Echo:
    def __init__(self) -> None:
        self.requests: queue.Queue[str | None] = queue.Queue()
        self.replies: queue.Queue[str] = queue.Queue()
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        while (request := self.requests.get()) is not None:
            self.replies.put(request.upper())


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    server.thread.start()
    yield server
    server.requests.put(None)
    server.thread.join()


@pytest.mark.race
def test_echo(echo: Echo) -> None:
    threads = [
        threading.Thread(target=target) for target in (lambda: echo.requests.put("a"), lambda: echo.requests.put("b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(echo.replies.get() for _ in range(2)) == ["A", "B"]
