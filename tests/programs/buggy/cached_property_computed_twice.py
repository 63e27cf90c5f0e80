"""Since 3.12, `cached_property` has no lock: two threads may both compute the value, and get two objects."""

import functools
import threading

import pytest


class Report:
    @functools.cached_property
    def lines(self) -> list[str]:
        return []


@pytest.mark.race
def test_one_list() -> None:
    report = Report()
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(report.lines)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] is found[1]
