"""Question and answer, each with an event of its own."""

import threading

import pytest


@pytest.mark.race
def test_question_and_answer() -> None:
    asked, answered = threading.Event(), threading.Event()
    board: list[str] = []

    def asker() -> None:
        board.append("why?")
        asked.set()
        answered.wait()
        board.append("thanks")

    def answerer() -> None:
        asked.wait()
        board.append("because")
        answered.set()

    threads = [threading.Thread(target=target) for target in (asker, answerer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board == ["why?", "because", "thanks"]
