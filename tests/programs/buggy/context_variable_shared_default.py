"""The default of the context variable is one dictionary for all threads: who reads back may read another's name."""

import contextvars
import threading

import pytest


@pytest.mark.race
def test_own_name() -> None:
    request: contextvars.ContextVar[dict[str, str]] = contextvars.ContextVar("request", default={})  # noqa: B039 - that is the bug
    served: dict[str, str] = {}

    def serve(user: str) -> None:
        request.get()["user"] = user
        served[user] = request.get()["user"]

    threads = [threading.Thread(target=target) for target in (lambda: serve("ann"), lambda: serve("bob"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served == {"ann": "ann", "bob": "bob"}
