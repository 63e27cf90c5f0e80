"""What the engine shows is what can happen: small random programs against a model that knows all interleavings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from tests.engine.small_programs import (
    Outcome,
    Program,
    deadlocks,
    locked_programs,
    number_of_interleavings,
    observe,
    outcomes,
    programs,
    run,
)

if TYPE_CHECKING:
    from tests.conftest import Engine

STRATEGIES = ("random", "pct", "auto")

few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)

READ_X, READ_Y, WRITE_X, WRITE_Y = ("read", "x"), ("read", "y"), ("write", "x"), ("write", "y")
ADD_X, ACQUIRE_A, ACQUIRE_B, RELEASE_A = ("add", "x"), ("acquire", "a"), ("acquire", "b"), ("release", "a")


# --- the model, against what is known


@pytest.mark.parametrize(
    ("program", "values"),
    [
        (((ADD_X,), (ADD_X,)), {1, 2}),
        (((ADD_X,), (ADD_X,), (ADD_X,)), {1, 2, 3}),
        (((ADD_X, ADD_X), (ADD_X, ADD_X)), {2, 3, 4}),
        (((WRITE_X,), (WRITE_X,)), {100, 200}),
        (((WRITE_X,), (ADD_X,)), {1, 100, 101}),
        (((ACQUIRE_A, ADD_X, RELEASE_A), (ACQUIRE_A, ADD_X, RELEASE_A)), {2}),
        (((ACQUIRE_A, ADD_X, RELEASE_A), (ADD_X,)), {1, 2}),
    ],
)
def test_the_model_knows_the_textbook(program: Program, values: set[int]) -> None:
    assert {outcome.values[0] for outcome in outcomes(program)} == values
    assert deadlocks(program) == set()


def test_the_model_is_sequentially_consistent() -> None:
    # Dekker's test: with a store buffer, both could read zero.
    program = ((WRITE_X, READ_Y), (WRITE_Y, READ_X))
    assert {outcome.seen for outcome in outcomes(program)} == {((0,), (100,)), ((200,), (0,)), ((200,), (100,))}
    # Two changes are seen in their order.
    program = ((WRITE_X, WRITE_Y), (READ_Y, READ_X))
    assert {outcome.seen[1] for outcome in outcomes(program)} == {(0, 0), (0, 100), (110, 100)}


def test_the_model_knows_deadlocks() -> None:
    assert deadlocks(((ACQUIRE_A, ACQUIRE_B), (ACQUIRE_B, ACQUIRE_A))) == {(1,), (2,), (1, 2)}
    assert deadlocks(((ACQUIRE_A, ACQUIRE_A), (ADD_X,))) == {(1,)}
    assert deadlocks(((ACQUIRE_A, ("release", "a")), (ACQUIRE_A, ("release", "a")))) == set()
    assert outcomes(((ACQUIRE_A,), (ACQUIRE_A, ADD_X))) == {
        Outcome((0, 0), ((), ()), (2,)),
        Outcome((1, 0), ((), ()), (1,)),
    }


def test_the_model_counts_interleavings() -> None:
    assert number_of_interleavings(((READ_X, READ_X), (READ_X, READ_X))) == 6
    assert number_of_interleavings(((ADD_X,), (ADD_X,), (READ_X,))) == 30
    assert number_of_interleavings(((ACQUIRE_A, ADD_X, RELEASE_A), (ACQUIRE_A, ADD_X, RELEASE_A))) == 2
    assert number_of_interleavings(((ACQUIRE_A,), (ACQUIRE_A,))) == 2


# --- the engine, against the model


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_is_shown_that_can_not_happen(engine: Engine, strategy: str) -> None:
    @few
    @given(programs())
    def check(program: Program) -> None:
        observed = observe(program, engine, interleavings=100, strategy=strategy)
        expected = outcomes(program)
        assert observed.outcomes <= expected
        if observed.verdict == "deadlock":
            assert observed.blocked in {outcome.blocked for outcome in expected if outcome.blocked}

    check()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_program_with_one_outcome_never_fails(engine: Engine, strategy: str) -> None:
    @few
    @given(programs().filter(lambda program: len(outcomes(program)) == 1) | locked_programs())
    def check(program: Program) -> None:
        (only,) = outcomes(program)

        def body() -> None:
            assert run(program, engine) == only

        explored = engine.explore(body, interleavings=60, strategy=strategy)
        assert explored.verdict in (("deadlock",) if only.blocked else ("passed", "proved"))

    check()


ALL_SEEN: tuple[Program, ...] = (
    ((ADD_X,), (ADD_X,), (ADD_X,)),
    ((WRITE_X, READ_Y), (WRITE_Y, READ_X)),
    ((WRITE_X, WRITE_Y), (READ_Y, READ_X)),
    ((READ_X, READ_X), (WRITE_X, WRITE_X)),
    ((ACQUIRE_A, WRITE_X, READ_X), (WRITE_X,)),
    ((ACQUIRE_A, ADD_X, RELEASE_A), (ACQUIRE_A, READ_X, RELEASE_A), (ADD_X,)),
)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("program", ALL_SEEN, ids=range(len(ALL_SEEN)))
def test_everything_that_can_happen_is_shown_in_the_end(engine: Engine, program: Program, strategy: str) -> None:
    observed = observe(program, engine, interleavings=200, strategy=strategy)
    assert observed.verdict in ("passed", "proved")
    assert observed.outcomes == outcomes(program)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "program",
    [
        ((ACQUIRE_A, ACQUIRE_B), (ACQUIRE_B, ACQUIRE_A)),
        ((ACQUIRE_A, ACQUIRE_A), (ADD_X,)),
        ((ADD_X, ACQUIRE_A), (READ_X, ACQUIRE_A)),
    ],
    ids=["opposite orders", "twice", "kept"],
)
def test_a_deadlock_that_can_happen_is_shown(engine: Engine, program: Program, strategy: str) -> None:
    observed = observe(program, engine, interleavings=100, strategy=strategy)
    assert observed.verdict == "deadlock"
    assert observed.blocked in deadlocks(program)
