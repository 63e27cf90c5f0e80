"""The pattern looks at the state, the block changes it: two threads may both find the old one."""

import threading

import pytest


class Job:
    def __init__(self) -> None:
        self.state = {"phase": "idle"}
        self.starts = 0

    def start(self) -> None:
        match self.state:
            case {"phase": "idle"}:
                self.state["phase"] = "busy"
                self.starts += 1
            case {"phase": _}:
                pass


@pytest.mark.race
def test_start() -> None:
    job = Job()
    threads = [threading.Thread(target=job.start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert job.starts == 1
