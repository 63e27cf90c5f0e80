"""The singleton is created on first use, without a lock: two first users get two of them."""

import threading

import pytest


class Config:
    _instance: "Config | None" = None

    @classmethod
    def instance(cls) -> "Config":
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance


@pytest.fixture(autouse=True)
def no_instance() -> None:
    Config._instance = None


@pytest.mark.race
def test_one_instance() -> None:
    seen: list[Config] = []

    def user() -> None:
        seen.append(Config.instance())

    threads = [threading.Thread(target=target) for target in (user, user)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] is seen[1]
