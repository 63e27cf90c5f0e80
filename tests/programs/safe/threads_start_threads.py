"""A thread starts and joins a thread of its own; the main thread joins the first one."""

import threading

import pytest


@pytest.mark.race
def test_grandchild() -> None:
    order: list[str] = []

    def grandchild() -> None:
        order.append("grandchild")

    def child() -> None:
        thread = threading.Thread(target=grandchild)
        thread.start()
        thread.join()
        order.append("child")

    thread = threading.Thread(target=child)
    thread.start()
    thread.join()
    order.append("main")
    assert order == ["grandchild", "child", "main"]
