"""Looking for the key and storing it are two steps: both threads find nothing, and both create the session."""

import threading

import pytest


class Sessions:
    def __init__(self) -> None:
        self.sessions: dict[str, object] = {}

    def get(self, user: str) -> object:
        if user not in self.sessions:
            self.sessions[user] = object()
        return self.sessions[user]


@pytest.mark.race
def test_one_session_for_a_user() -> None:
    sessions = Sessions()
    found: list[object] = []

    def log_in() -> None:
        found.append(sessions.get("ann"))

    threads = [threading.Thread(target=target) for target in (log_in, log_in)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]
