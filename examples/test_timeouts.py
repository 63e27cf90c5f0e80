"""Opposite orders again, but who waits too long backs off: both threads always end, with three outcomes. Passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_racecheck.pytesting.fixture import Racecheck
    from pytest_racecheck.tutorial.locks import TimeoutPair


@pytest.mark.race
def test_backing_off(timeout_pair: TimeoutPair, racecheck: Racecheck) -> None:
    got_both = racecheck.run(timeout_pair.a_then_b, timeout_pair.b_then_a)
    racecheck.outcome({2: "nobody backs off", 1: "one backs off", 0: "both back off"}[sum(got_both)])

    assert not timeout_pair.lock_a.locked()
    assert not timeout_pair.lock_b.locked()
