"""The marker runs the body itself in two threads at once; the printer keeps them apart."""

import threading

import pytest


class Printer:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.serial = 0
        self.printed: list[int] = []

    def print_ticket(self) -> None:
        with self.lock:
            self.serial += 1
            self.printed.append(self.serial)


@pytest.fixture
def printer() -> Printer:
    return Printer()


@pytest.mark.race(threads=2)
def test_serials_are_unique(printer: Printer) -> None:
    printer.print_ticket()
    printed = list(printer.printed)
    assert len(printed) == len(set(printed))
