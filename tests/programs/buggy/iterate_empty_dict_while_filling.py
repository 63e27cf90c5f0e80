"""A loop over a dictionary that is still empty, into which another thread puts something just as the loop begins."""

import threading

import pytest


class Registry:
    def __init__(self) -> None:
        self.services: dict[str, int] = {}

    def register(self, name: str, port: int) -> None:
        self.services[name] = port

    def ports(self) -> list[int]:
        return [port for port in self.services.values() if port]


@pytest.mark.race
def test_look_while_first_is_registered() -> None:
    registry = Registry()
    threads = [threading.Thread(target=registry.register, args=("mail", 25)), threading.Thread(target=registry.ports)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
