"""A context variable set in one thread is not seen in another."""

import contextvars
import threading

import pytest


@pytest.mark.race
def test_own_name() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="nobody")
    served: dict[str, str] = {}

    def serve(user: str) -> None:
        request.set(user)
        served[user] = request.get()

    threads = [threading.Thread(target=target) for target in (lambda: serve("ann"), lambda: serve("bob"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served == {"ann": "ann", "bob": "bob"}
    assert request.get() == "nobody"
