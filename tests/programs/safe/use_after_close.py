"""The writer reads the attribute once and works with what it read; a line to a closed log goes nowhere."""

import threading

import pytest


class Log:
    def __init__(self) -> None:
        self.lines: list[str] | None = []

    def write(self, line: str) -> None:
        lines = self.lines
        if lines is not None:
            lines.append(line)

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
