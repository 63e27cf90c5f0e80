"""Every text that a person reads, against a golden file in tests/report/golden/.

To renew them after a wanted change: ``RACECHECK_RENEW_GOLDEN=1 python -m pytest tests/report``, then read the diff.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Literal

import pytest

from pytest_racecheck.report.model import (
    AccessReport,
    DataRace,
    Failure,
    Frame,
    Held,
    Preemption,
    Step,
    TestResult,
    ThreadReport,
)
from pytest_racecheck.report.terminal import cells
from pytest_racecheck.report.text import render_failure

GOLDEN = Path(__file__).parent / "golden"
BANK = "examples/test_bank.py"
NODEID = f"{BANK}::test_at_once"
WIDE, NARROW = 120, 50


def result(failure: Failure | None, nodeid: str = NODEID) -> TestResult:
    return TestResult(
        nodeid=nodeid,
        verdict=failure.kind if failure else "passed",
        strategy="pct",
        seed=7,
        requested=200,
        interleavings=13,
        distinct=12,
        exhaustive=False,
        first_failure=12 if failure else None,
        seconds=0.0123,
        per_second=1057.0,
        failure=failure,
    )


def worker(number: int, state: str = "finished") -> ThreadReport:
    return ThreadReport(f"T{number}", f"Thread-{number} (withdraw)", "Bank.withdraw", state)


def steps() -> list[Step]:
    check = {"file": BANK, "line": 14, "column": 11, "source": "self.balance >= amount"}
    take = {"file": BANK, "line": 17, "column": 8, "source": "self.balance -= amount"}

    def at_bank(n: int, thread: str, at: dict[str, object], operation: str, **more: str) -> Step:
        return Step(n=n, thread=thread, operation=operation, resource="bank.balance", **at, **more)  # type: ignore[arg-type]

    return [
        at_bank(1, "T1", check, "read", before="100", after="100", switch="preempted"),
        at_bank(2, "T2", check, "read", before="100", after="100"),
        at_bank(3, "T2", take, "write", before="100", after="30", switch="ended"),
        at_bank(4, "T1", take, "write", before="30", after="-50"),
    ]


RACE = Failure(
    kind="race",
    exception="AssertionError",
    message="balance went below zero\nassert -50 >= 0",
    token="rc1-AbCdEfGh0123456789_-AbCdEfGh0123456789_-AbCdEfGh0123456789",
    reproduced=(3, 3),
    preemptions=[Preemption("T1", BANK, 17, "self.balance -= amount", "T2")],
    threads=[ThreadReport("main", "MainThread", "test_at_once", "finished"), worker(1), worker(2)],
)
DETAILED_RACE = dataclasses.replace(
    RACE,
    under_gil="unreachable",
    steps=steps(),
    data_races=[
        DataRace(
            "bank.balance",
            AccessReport("T1", BANK, 14, 11, "self.balance >= amount", "read"),
            AccessReport("T2", BANK, 17, 8, "self.balance -= amount", "write", holds=["bank.audit_lock"]),
        )
    ],
    cause="check-then-act",
    details=["The check at bank.py:14 and the write at bank.py:17 are separate; between them T2 wrote."],
)
DEADLOCK = Failure(
    kind="deadlock",
    exception="DeadlockFailure",
    message="T1 holds bank.lock_a, wants bank.lock_b; T2 holds bank.lock_b, wants bank.lock_a",
    token="rc1-XYZ",
    reproduced=(3, 3),
    threads=[
        ThreadReport(
            "main",
            "MainThread",
            "test_pair",
            "blocked",
            waits_for="T1 to end",
            stack=[Frame("examples/test_pair.py", 20, "test_pair", "racecheck.run(pair.a_then_b, pair.b_then_a)")],
            waits_on=["T1"],
        ),
        ThreadReport(
            "T1",
            "Thread-1 (a_then_b)",
            "Pair.a_then_b",
            "blocked",
            holds=[Held("bank.lock_a", "examples/pair.py", 8)],
            waits_for="bank.lock_b, held by T2",
            stack=[
                Frame("examples/pair.py", 5, "Pair.a_then_b", "self.both(first, second)"),
                Frame("examples/pair.py", 9, "Pair.both", "with second:"),
            ],
            waits_on=["T2"],
        ),
        ThreadReport(
            "T2",
            "Thread-2 (b_then_a)",
            "Pair.b_then_a",
            "blocked",
            holds=[Held("bank.lock_b")],
            waits_for="bank.lock_a, held by T1",
            stack=[Frame("examples/pair.py", 15, "Pair.b_then_a", "")],
            waits_on=["T1"],
        ),
    ],
    cause="lock-order cycle",
    details=["main joins T1, which never ends: it wants bank.lock_b."],
    advice=["Take these locks in the same order in every thread."],
)
HANG = Failure(
    kind="hang",
    exception="HangFailure",
    message="T1 spins: it went round the loop at examples/test_spin.py:9 1,000 times and nothing changed",
    token="rc1-SPIN",
    threads=[
        ThreadReport(
            "T1",
            "spinner",
            "spin",
            "runnable",
            stack=[Frame("examples/test_spin.py", 9, "spin", "while not done: pass")],
        )
    ],
)
NONDETERMINISTIC = Failure(
    kind="nondeterministic",
    exception="NondeterministicFailure",
    message="the failing schedule was replayed 3 times and did not fail again: T2 took another way at cache.py:30",
    token="rc1-CHANCE",
    reproduced=(0, 3),
)
SERIAL = Failure("serial-failure", "AssertionError", "assert 1 == 2", "rc1-0", (1, 1))

CASES = {
    "race": RACE,
    "race-detailed": DETAILED_RACE,
    "deadlock": DEADLOCK,
    "hang": HANG,
    "nondeterministic": NONDETERMINISTIC,
    "serial-failure": SERIAL,
}


def compare(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("RACECHECK_RENEW_GOLDEN"):
        file.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == file.read_text(encoding="utf-8"), "see the docstring of this module for how to renew the file"


@pytest.mark.parametrize(("size", "width"), [("wide", WIDE), ("narrow", NARROW)])
@pytest.mark.parametrize("name", CASES)
def test_failure_looks_like_its_golden_file(name: str, size: str, width: int) -> None:
    compare(f"{name}-{size}", render_failure(result(CASES[name]), width))


def test_ascii_terminal_gets_ascii_only() -> None:
    failure = dataclasses.replace(DETAILED_RACE, message="Konto über Grenze → Stop")
    text = render_failure(result(failure), WIDE, encoding="ascii")
    assert text.isascii()
    compare("race-ascii", text)


def test_unknown_encoding_counts_as_ascii() -> None:
    assert render_failure(result(DETAILED_RACE), WIDE, encoding="no-such-encoding").isascii()


def test_nothing_failed_no_text() -> None:
    assert render_failure(result(None), WIDE) == ""


def test_condition_that_never_held_is_named_also_without_a_failure() -> None:
    vacuous = dataclasses.replace(result(None), sometimes=["both inside", "\x1b[31mred"])
    assert render_failure(vacuous, WIDE) == "never true in 13 interleavings: both inside, \\x1b[31mred"


def test_notes_are_shown() -> None:
    noted = dataclasses.replace(result(RACE), notes=["a socket at net.py:3 was not controlled"])
    assert "note: a socket at net.py:3 was not controlled" in render_failure(noted, WIDE)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "no preemption is needed, only another order"),
        (1, "1 preemption is enough"),
        (2, "2 preemptions are enough"),
    ],
)
def test_first_line_says_how_many_preemptions(number: int, words: str) -> None:
    failure = dataclasses.replace(RACE, preemptions=RACE.preemptions * number)
    first = render_failure(result(failure), WIDE).splitlines()[0]
    assert first == f"race: AssertionError: balance went below zero; {words}"


@pytest.mark.parametrize("width", [1, 20, 50, 80, 200])
def test_what_is_to_be_copied_stays_on_one_line(width: int) -> None:
    lines = render_failure(result(DEADLOCK), width).splitlines()
    assert f"  {DEADLOCK.message}" in lines
    assert f"replay: pytest {NODEID} --racecheck-replay=rc1-XYZ" in lines


def test_node_id_is_quoted_for_the_shell() -> None:
    nodeid = "tests/test a.py::test_x['; rm -rf ~ #-\"]"
    last = render_failure(result(RACE, nodeid), WIDE).splitlines()[-1]
    assert last == """replay: pytest 'tests/test a.py::test_x['"'"'; rm -rf ~ #-"]' --racecheck-replay=""" + RACE.token


@pytest.mark.parametrize("width", [50, 80, 120])
def test_nothing_else_is_wider_than_the_terminal(width: int) -> None:
    for failure in CASES.values():
        for line in render_failure(result(failure), width).splitlines():
            if not line.startswith(("replay: ", "serial-failure: ")) and line != f"  {DEADLOCK.message}":
                assert cells(line) <= width


def test_more_with_v_and_all_with_vv() -> None:
    first = steps()[0]
    long = dataclasses.replace(
        RACE,
        steps=[dataclasses.replace(first, n=n, resource=f"step {n}.") for n in range(1000)],
        preemptions=RACE.preemptions * 30,
        threads=[worker(n) for n in range(50)],
    )
    plain, verbose, very = (render_failure(result(long), NARROW, verbose=n) for n in range(3))
    assert "960 earlier steps" in plain
    assert "20 more switches" in plain
    assert "38 more threads" in plain
    assert "600 earlier steps" in verbose
    assert "more switches" not in verbose
    assert "earlier steps" not in very
    assert "step 0." in very
    assert "step 999." in plain


def step(number: int, **more: str) -> Step:
    return Step(number, "T1", BANK, 3, 0, "with lock:", **({"operation": "acquire", "resource": "lock"} | more))  # type: ignore[arg-type]


def timeline(*given: Step) -> list[str]:
    text = render_failure(result(dataclasses.replace(RACE, threads=[], steps=list(given))), NARROW)
    return text.split("\n\n")[2].splitlines()


def test_source_is_shown_once_for_all_that_a_thread_does_there() -> None:
    assert timeline(step(1), step(2, operation="release"), dataclasses.replace(step(3), line=4)) == [
        "T1",
        "  test_bank.py:3  with lock:",
        "    acquire lock",
        "    release lock",
        "  test_bank.py:4  with lock:",
        "    acquire lock",
    ]


def test_step_without_a_place_or_a_name() -> None:
    nowhere = dataclasses.replace(step(1), file="", line=0, source="")
    assert timeline(nowhere, step(2, resource="with lock:")) == [
        "T1",
        "    acquire lock",
        "  test_bank.py:3  with lock:",
        "    acquire",
    ]


def test_preemption_without_a_place() -> None:
    failure = dataclasses.replace(RACE, preemptions=[Preemption("T1", "", 0, "", "T2")])
    assert "preempted:\n  T1 → T2\n" in render_failure(result(failure), WIDE)


def test_steps_of_a_deadlock_are_for_v() -> None:
    failure = dataclasses.replace(DEADLOCK, steps=[step(1)])
    assert "acquire lock" not in render_failure(result(failure), WIDE)
    assert "acquire lock" in render_failure(result(failure), WIDE, verbose=1)


def hostile(text: str) -> Failure:
    def frame() -> Frame:
        return Frame(text, 1, text, text)

    access = AccessReport(text, text, 1, 0, text, text, [text], [frame()])
    return Failure(
        kind="race",
        exception=text,
        message=text,
        token=text,
        preemptions=[Preemption(text, text, 1, text, text)],
        threads=[ThreadReport(text, text, text, text, [Held(text, text, 1)], text, [frame()])],
        steps=[Step(1, text, text, 1, 0, text, text, text, text, text + "2", text)],
        data_races=[DataRace(text, access, access)],
        details=[text],
        advice=[text],
    )


@pytest.mark.parametrize("kind", ["race", "deadlock", "hang", "nondeterministic", "serial-failure"])
@pytest.mark.parametrize("width", [0, 10, 79, 200])
def test_hostile_text_is_made_harmless(kind: Literal["race", "deadlock", "hang"], width: int) -> None:
    text = "a\x1b[2J\x1b]0;title\x07\rb\x9b31m\x00\u202ec\u2028d\udc80\n\ue000e\x7f"
    failure = dataclasses.replace(hostile(text), kind=kind)
    noted = dataclasses.replace(result(failure, nodeid=text), notes=[text], sometimes=[text], strategy=text)
    shown = render_failure(noted, width)
    shown.encode()
    assert all(character == "\n" or character.isprintable() for character in shown)


def test_huge_text_is_clipped_where_lines_are_not_to_be_copied() -> None:
    failure = dataclasses.replace(hostile("x" * 100_000), token="rc1")
    for line in render_failure(result(failure), WIDE).splitlines():
        assert len(line) <= WIDE
