"""Setting the result is the check: the second one is refused, and takes no for an answer."""

import threading
from concurrent.futures import Future, InvalidStateError

import pytest


@pytest.mark.race
def test_first_answer_wins() -> None:
    answer: Future[str] = Future()
    late: list[str] = []

    def server(name: str) -> None:
        try:
            answer.set_result(name)
        except InvalidStateError:
            late.append(name)

    threads = [threading.Thread(target=target) for target in (lambda: server("a"), lambda: server("b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([answer.result(), *late]) == ["a", "b"]
