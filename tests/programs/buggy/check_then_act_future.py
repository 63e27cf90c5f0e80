"""Both threads find the future pending and set its result: the second one gets `InvalidStateError`."""

import threading
from concurrent.futures import Future

import pytest


@pytest.mark.race
def test_first_answer_wins() -> None:
    answer: Future[str] = Future()

    def server(name: str) -> None:
        if not answer.done():
            answer.set_result(name)

    threads = [threading.Thread(target=target) for target in (lambda: server("a"), lambda: server("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answer.result() in ("a", "b")
