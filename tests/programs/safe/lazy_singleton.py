"""The singleton is created under a lock of the class; the check outside is repeated inside."""

import threading

import pytest


class Config:
    _lock = threading.Lock()
    _instance: "Config | None" = None

    @classmethod
    def instance(cls) -> "Config":
        instance = cls._instance
        if instance is None:
            with cls._lock:
                instance = cls._instance
                if instance is None:
                    instance = cls._instance = cls()
        return instance


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
