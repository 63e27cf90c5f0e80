"""Patterns look at what threads share with the lock held, and at what nobody else has."""

import threading

import pytest


@pytest.mark.race
def test_start() -> None:
    lock = threading.Lock()
    state: dict[str, object] = {"phase": "idle", "next": [1, 2]}
    starts: list[int] = []

    def start() -> None:
        with lock:
            match state:
                case {"phase": "idle", "next": [int(first), *_]}:
                    state["phase"] = "busy"
                    starts.append(first)
        match {"own": [1, {"a": 2}]}:
            case {"own": [1, {"a": two}]}:
                assert two == 2
            case _:
                raise AssertionError

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert starts == [1]
