"""Every request is queued, whether the server is up or not: each future gets its result."""

import queue
import threading
from concurrent.futures import Future

import pytest


class Server:
    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[Future[str]] = queue.SimpleQueue()

    def run(self) -> None:
        self.requests.get().set_result("hello")

    def ask(self) -> str:
        answer: Future[str] = Future()
        self.requests.put(answer)
        return answer.result()


@pytest.mark.race
def test_one_request() -> None:
    server = Server()
    answers: list[str] = []
    threads = [threading.Thread(target=target) for target in (server.run, lambda: answers.append(server.ask()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["hello"]
