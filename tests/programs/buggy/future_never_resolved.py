"""The worker skips a request that was made before it was ready and leaves its future pending for ever."""

import queue
import threading
from concurrent.futures import Future

import pytest

VERDICT = "deadlock"


class Server:
    def __init__(self) -> None:
        self.ready = False
        self.requests: queue.SimpleQueue[Future[str]] = queue.SimpleQueue()

    def run(self) -> None:
        self.ready = True
        self.requests.get().set_result("hello")

    def ask(self) -> str:
        answer: Future[str] = Future()
        if self.ready:
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
