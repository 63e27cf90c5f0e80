"""The current user is a module-level variable that every request sets: two requests at once mix their users up."""

import threading

import pytest

current_user = ""


def handle(user: str) -> str:
    global current_user
    current_user = user
    return f"hello {current_user}"


@pytest.mark.race
def test_everyone_is_greeted_by_name() -> None:
    greetings: dict[str, str] = {}

    def request(user: str) -> None:
        greetings[user] = handle(user)

    threads = [threading.Thread(target=target) for target in (lambda: request("ann"), lambda: request("bob"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert greetings == {"ann": "hello ann", "bob": "hello bob"}
