"""What one task leaves in a thread-local is there for the next only if the same pool thread runs it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


class Session:
    def __init__(self) -> None:
        self.local = threading.local()

    def log_in(self, user: str) -> None:
        self.local.user = user

    def user(self) -> str | None:
        return getattr(self.local, "user", None)


@pytest.mark.race
def test_still_logged_in() -> None:
    session = Session()
    with ThreadPoolExecutor(max_workers=2) as pool:
        logged_in = pool.submit(session.log_in, "ann")
        user = pool.submit(session.user)
        logged_in.result()
        assert user.result() == "ann"
