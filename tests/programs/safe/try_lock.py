"""`acquire(blocking=False)` never waits: who finds the lock taken skips the work."""

import threading

import pytest


class Cleaner:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cleaned = 0
        self.skipped: list[bool] = []

    def clean(self) -> None:
        if not self.lock.acquire(blocking=False):
            self.skipped.append(True)
            return
        try:
            self.cleaned += 1
        finally:
            self.lock.release()


@pytest.mark.race
def test_cleaned_or_skipped() -> None:
    cleaner = Cleaner()
    threads = [threading.Thread(target=target) for target in (cleaner.clean, cleaner.clean)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cleaner.cleaned + len(cleaner.skipped) == 2
