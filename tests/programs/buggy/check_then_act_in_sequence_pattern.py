"""Between the pattern that finds the list empty and the line that fills it, another thread may fill it."""

import threading

import pytest


@pytest.mark.race
def test_fill() -> None:
    slots: list[str] = []
    filled: list[str] = []

    def fill() -> None:
        match slots:
            case []:
                slots.append("job")
                filled.append("job")
            case [_, *_]:
                pass

    threads = [threading.Thread(target=fill) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(filled) == 1
