"""Runs of tens of thousands of steps: told in seconds, with what matters in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.engine.result import MOST_STEPS
from pytest_racecheck.report.text import render_failure

if TYPE_CHECKING:
    from tests.conftest import Engine


class Shared:
    count = 0


def test_what_is_next_to_a_switch_is_told(engine: Engine) -> None:
    def count() -> None:
        for _ in range(2500):
            Shared.count += 1

    def body() -> None:
        Shared.count = 0
        engine.together(count, count)
        assert Shared.count == 5000

    # A run takes tenths of a second, on a busy machine seconds: too long for what shrinking has by default.
    found = engine.explore(body, interleavings=200, timeout=60.0, shrink=60.0)
    steps = found.failure.steps
    assert MOST_STEPS / 4 < len(steps) <= MOST_STEPS
    assert steps[-1].n > 10_000
    assert [step.switch for step in steps if step.switch and step.switch.startswith("preempted")] == ["preempted"]
    assert found.failure.cause == "lost update"
    text = render_failure(found.result, 100)
    assert " steps left out" in text
    assert text.index("preempted → T2") < text.index("why: lost update")
