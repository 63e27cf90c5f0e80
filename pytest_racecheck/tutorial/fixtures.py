"""The tutorial's programs as fixtures, registered by the plugin. A fixture of the same name in a test suite wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_racecheck.tutorial.bank import Bank, LockedBank
    from pytest_racecheck.tutorial.locks import DeadlockPair, TimeoutPair


@pytest.fixture
def bank() -> Bank:
    """An account with a balance of 100 and no lock."""
    from pytest_racecheck.tutorial.bank import Bank

    return Bank()


@pytest.fixture
def locked_bank() -> LockedBank:
    """An account with a balance of 100 behind one lock."""
    from pytest_racecheck.tutorial.bank import LockedBank

    return LockedBank()


@pytest.fixture
def deadlock_pair() -> DeadlockPair:
    """Two locks, and two functions that take them in opposite orders."""
    from pytest_racecheck.tutorial.locks import DeadlockPair

    return DeadlockPair()


@pytest.fixture
def timeout_pair() -> TimeoutPair:
    """Two locks, and two functions that take them in opposite orders and back off after two seconds."""
    from pytest_racecheck.tutorial.locks import TimeoutPair

    return TimeoutPair()


@pytest.fixture
def cpu_task() -> Callable[[int], int]:
    """A function that counts down from its argument."""
    from pytest_racecheck.tutorial.tasks import cpu_task

    return cpu_task


@pytest.fixture
def io_task() -> Callable[[], None]:
    """A function that waits one second."""
    from pytest_racecheck.tutorial.tasks import io_task

    return io_task
