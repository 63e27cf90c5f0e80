"""Printing from several threads may mix the lines, but loses none of the texts."""

import threading

import pytest


@pytest.mark.race
def test_all_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def work(name: str) -> None:
        print(f"[{name}]")

    threads = [threading.Thread(target=target) for target in (lambda: work("a"), lambda: work("b"), lambda: work("c"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out = capsys.readouterr().out
    assert all(f"[{name}]" in out for name in "abc")
