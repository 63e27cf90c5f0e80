"""The log is looked at while open and written to when it may be closed: `AttributeError` on None."""

import threading

import pytest


class Log:
    def __init__(self) -> None:
        self.lines: list[str] | None = []

    def write(self, line: str) -> None:
        if self.lines is not None:
            self.lines.append(line)

    def close(self) -> None:
        self.lines = None


@pytest.mark.race
def test_closing_while_writing() -> None:
    log = Log()
    threads = [threading.Thread(target=target) for target in (lambda: log.write("late"), log.close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.lines is None
