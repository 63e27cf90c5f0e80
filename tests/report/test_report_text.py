"""Every text that a person reads, against a golden file in tests/report/golden/.

To renew them after a wanted change: ``RACECHECK_RENEW_GOLDEN=1 python -m pytest tests/report``, then read the diff.
"""

from __future__ import annotations

import dataclasses
import os
import re
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
    ProcessReport,
    Step,
    TestResult,
    ThreadReport,
)
from pytest_racecheck.report.terminal import cells
from pytest_racecheck.report.text import render_failure, render_title

GOLDEN = Path(__file__).parent / "golden"
BANK = "examples/test_bank.py"
TEST = "examples/test_at_once.py"
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
    check = {
        "line": 14,
        "column": 11,
        "source": "self.balance",
        "code": "if self.balance >= amount:",
        "mark_start": 3,
        "mark_end": 15,
    }
    take = {"line": 17, "column": 12, "source": "self.balance", "code": "self.balance -= amount", "mark_end": 12}
    log = {"line": 18, "column": 12, "source": "self.log", "code": "self.log.append(amount)", "mark_end": 8, "level": 1}
    start = {"file": TEST, "line": 8, "source": "thread.start()", "code": "thread.start()", "level": 2}

    def at(n: int, thread: str, where: dict[str, object], operation: str, **more: str) -> Step:
        known = {"file": BANK, "column": 0, "resource": "bank.balance", **where, **more}
        return Step(n=n, thread=thread, operation=operation, **known)  # type: ignore[arg-type]

    return [
        at(1, "main", start, "start", resource="T1"),
        at(2, "main", start, "start", resource="T2"),
        at(3, "main", start, "block", resource="T1", switch="waits for the end of T1", to="T1"),
        at(4, "T1", check, "read", before="100", switch="preempted", to="T2"),
        at(5, "T2", check, "read", before="100"),
        at(6, "T2", log, "append", resource="bank.log", before="[]", after="[70]"),
        at(7, "T2", take, "read", before="100"),
        at(8, "T2", take, "write", before="100", after="30", switch="ended", to="T1"),
        at(9, "T1", take, "read", before="30"),
        at(10, "T1", take, "write", before="30", after="-50", switch="ended", to="main"),
        at(11, "main", start, "join", resource="T1"),
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
CHECK = Frame(BANK, 14, "Bank.withdraw", "if self.balance >= amount:")
TAKE = Frame(BANK, 17, "Bank.withdraw", "self.balance -= amount")
PAY = Frame("examples/shop.py", 5, "pay", "bank.withdraw(amount)")
DETAILED_RACE = dataclasses.replace(
    RACE,
    under_gil="unreachable",
    steps=steps(),
    data_races=[
        DataRace(
            "bank.balance",
            AccessReport("T1", BANK, 14, 11, "self.balance", "read", stack=[PAY, CHECK], before="100"),
            AccessReport("T2", BANK, 17, 8, "self.balance", "write", holds=["bank.audit_lock"], stack=[PAY, TAKE]),
        )
    ],
    cause="check-then-act",
    details=["The check at bank.py:14 and the write at bank.py:17 are separate; between them T2 wrote it."],
    advice=["Every other access to bank.balance holds bank.lock: hold it at bank.py:14, too."],
    clash=[
        AccessReport("T1", BANK, 14, 11, "self.balance", "read", stack=[PAY, CHECK], before="100"),
        AccessReport("T2", BANK, 17, 8, "self.balance", "write", ["bank.audit_lock"], [PAY, TAKE], "100", "30"),
        AccessReport("T1", BANK, 17, 8, "self.balance", "write", stack=[PAY, TAKE], before="30", after="-50"),
    ],
    clash_on="bank.balance",
    raised=Frame(TEST, 12, "test_at_once", "assert bank.balance >= 0"),
    raised_in="main",
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
    steps=[
        Step(1, "T1", "examples/pair.py", 8, 0, "with first:", "acquire", "bank.lock_a", code="with first:"),
        Step(
            2,
            "T1",
            "examples/pair.py",
            8,
            0,
            "print",
            "read",
            "print",
            code="print()",
            level=2,
            switch="preempted",
            to="T2",
        ),
        Step(3, "T2", "examples/pair.py", 14, 0, "with b:", "acquire", "bank.lock_b", code="with b:"),
        Step(
            4,
            "T2",
            "examples/pair.py",
            15,
            0,
            "with a:",
            "block",
            "bank.lock_a",
            code="with a:",
            switch="blocked on bank.lock_a held by T1",
            to="T1",
        ),
    ],
    details=["main joins T1, which never ends: it wants bank.lock_b."],
    advice=["Take these locks in the same order in every thread."],
)
HANG = Failure(
    kind="hang",
    exception="HangFailure",
    message="an interleaving did not end within 10 s (--racecheck-timeout)",
    token="rc1-SPIN",
    threads=[
        ThreadReport(
            "main",
            "MainThread",
            "test",
            "waiting for T1 to end",
            waits_for="T1 to end",
            waits_on=["T1"],
            stack=[Frame(TEST, 30, "test_at_once", "thread.join()")],
        ),
        ThreadReport(
            "T1",
            "spinner",
            "test_at_once.<locals>.spin",
            "computing",
            holds=[Held("bank.lock", "examples/test_spin.py", 8), Held("Lock #1 (at 0x7f3a)")],
            stack=[Frame("examples/test_spin.py", 9, "spin", "while not done: pass")],
        ),
        ThreadReport(
            "T2",
            "Thread-2 (withdraw)",
            "Bank.withdraw",
            "waiting for bank.lock held by T1 since examples/test_spin.py:8",
            waits_for="bank.lock held by T1 since examples/test_spin.py:8",
            waits_on=["T1"],
            stack=[Frame(BANK, 14, "Bank.withdraw", "with self.lock:")],
            native=["0x7f01", "PyThread_acquire_lock_timed", "lock_PyThread_acquire_lock"],
        ),
    ],
    processes=[
        ProcessReport(
            4711,
            "/usr/bin/python3 -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=15)",
            [ThreadReport("MainThread", "", "", "in read", stack=[Frame(TEST, 40, "child", "queue.get()")])],
        ),
        ProcessReport(4712, "sleep 1000", note="py-spy dump: Permission denied"),
    ],
    folded=["ThreadPoolExecutor-0_0", "server", "pydevd", "beat", "\x1b[31mred"],
    stacks_by="py-spy dump --nonblocking (py-spy dump --native: no ptrace)",
)
LIVELOCK = Failure(
    kind="hang",
    exception="HangFailure",
    message="T1 polls in wait (test_spin.py:9); no thread is left to change what it waits for",
    token="rc1-POLL",
    reproduced=(10, 10),
    cause="livelock",
    details=["main waits for T1 to end."],
    threads=[
        ThreadReport("main", "MainThread", "test", "blocked", waits_for="T1 to end", waits_on=["T1"]),
        ThreadReport(
            "T1",
            "Thread-1 (wait)",
            "wait",
            "polls",
            stack=[Frame("examples/test_spin.py", 9, "wait", "while not shared.ready: time.sleep(1)")],
        ),
    ],
    steps=[
        Step(1, "T1", "examples/test_spin.py", 9, 10, "shared.ready", "read", "shared.ready", before="False"),
        *(
            Step(n, "T1", "examples/test_spin.py", 9, 24, "time.sleep", kind, what)
            for n, (kind, what) in enumerate([("sleep", "1 s"), ("read", "shared.ready")] * 6, 2)
        ),
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
    "livelock": LIVELOCK,
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


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("name", ["race-detailed", "deadlock", "hang"])
def test_more_of_it_looks_like_its_golden_file(name: str, verbose: int) -> None:
    compare(f"{name}-{'v' * verbose}", render_failure(result(CASES[name]), 80, verbose))


@pytest.mark.parametrize("name", ["race-detailed", "deadlock"])
def test_colours_look_like_their_golden_file(name: str) -> None:
    text = render_failure(result(CASES[name]), WIDE, colour=True)
    assert "\x1b[" in text
    compare(f"{name}-colour", text.replace("\x1b", "ESC"))


@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_colours_change_nothing_but_carets(name: str, verbose: int) -> None:
    """Where there are colours, they mark the expressions, and no carets do."""
    coloured = re.sub(r"\x1b\[[\d;]*m", "", render_failure(result(CASES[name]), 60, verbose, colour=True))
    plain = render_failure(result(CASES[name]), 60, verbose)

    def words(text: str) -> list[str]:
        return [word for word in text.split() if word.strip("^")]

    assert words(coloured) == words(plain)


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
    failure = dataclasses.replace(DETAILED_RACE, preemptions=RACE.preemptions * number)
    first = render_failure(result(failure), WIDE).splitlines()[0]
    assert first == f"race: balance went below zero; {words}"
    assert render_title(result(failure), WIDE) == first


@pytest.mark.parametrize(
    ("number", "words"),
    [(3, "no preemption is needed, threads that go on and on give way"), (4, "1 preemption is enough")],
)
def test_threads_that_give_way_are_not_preempted(number: int, words: str) -> None:
    failure = dataclasses.replace(DETAILED_RACE, preemptions=RACE.preemptions * number, gave_way=3)
    assert render_failure(result(failure), WIDE).splitlines()[0] == f"race: balance went below zero; {words}"


@pytest.mark.parametrize("failure", [DETAILED_RACE, DEADLOCK])
def test_a_replay_knows_of_no_other_order(failure: Failure) -> None:
    replayed = dataclasses.replace(
        result(dataclasses.replace(failure, preemptions=[])), strategy="replay", first_failure=0
    )
    assert render_failure(replayed, WIDE).splitlines()[0].endswith("; no preemption is needed")


def test_of_a_run_that_was_not_recorded_nothing_is_said() -> None:
    unknown = dataclasses.replace(RACE, preemptions=[], steps=[])
    assert render_failure(result(unknown), WIDE).splitlines()[0] == "race: balance went below zero"


@pytest.mark.parametrize(
    ("exception", "message", "source", "thread", "words"),
    [
        (
            "AssertionError",
            "assert -50 >= 0",
            "assert bank.balance >= 0",
            "main",
            "`assert bank.balance >= 0` fails: -50 >= 0",
        ),
        (
            "AssertionError",
            "assert -50 >= 0",
            "assert bank.balance >= 0",
            "T1",
            "`assert bank.balance >= 0` fails in T1: -50 >= 0",
        ),
        ("AssertionError", "assert False", "assert False", "main", "`assert False` fails"),
        ("AssertionError", "", "assert bank.balance >= 0", "main", "`assert bank.balance >= 0` fails"),
        ("AssertionError", "", "self.fail()", "T2", "AssertionError in T2"),
        ("AssertionError", "1 != 2", "self.assertEqual(1, 2)", "main", "1 != 2"),
        ("IndexError", "pop from empty list", "x.pop()", "T1", "IndexError in T1: pop from empty list"),
        ("IndexError", "pop from empty list", "x.pop()", "main", "IndexError: pop from empty list"),
        ("Full", "", "q.put_nowait(1)", "main", "Full"),
    ],
)
def test_first_line_is_in_plain_words(exception: str, message: str, source: str, thread: str, words: str) -> None:
    failure = dataclasses.replace(
        RACE, exception=exception, message=message, raised=Frame(TEST, 1, "f", source), raised_in=thread
    )
    assert render_title(result(failure), WIDE) == f"race: {words}; 1 preemption is enough"


def test_title_is_as_wide_as_the_terminal() -> None:
    title = render_title(result(dataclasses.replace(RACE, message="word " * 40)), 50)
    assert all(cells(line) <= 50 for line in title.splitlines())
    assert title.splitlines()[-1] == "  1 preemption is enough"
    assert render_title(result(None), 50) == ""


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
        for line in "\n".join(render_failure(result(failure), width, verbose) for verbose in range(3)).splitlines():
            if not line.startswith(("replay: ", "serial-failure: ")) and line != f"  {DEADLOCK.message}":
                assert cells(line) <= width


def test_more_with_v_and_all_with_vv() -> None:
    first = steps()[3]
    long = dataclasses.replace(
        RACE,
        steps=[dataclasses.replace(first, n=n, line=n + 1, resource=f"step {n}.") for n in range(1000)],
        preemptions=RACE.preemptions * 30,
        threads=[worker(n) for n in range(50)],
    )
    plain, verbose, very = (render_failure(result(long), NARROW, verbose=n) for n in range(3))
    assert "960 earlier lines (-v shows more, -vv all)" in plain
    assert "600 earlier lines" in verbose
    assert verbose.count("T1 at examples/test_bank.py:17") == 30
    assert "earlier lines" not in very
    assert "read step 0." in very
    assert "read step 999." in plain
    unrecorded = render_failure(result(dataclasses.replace(long, steps=[])), NARROW)
    assert "20 more switches (-v shows them)" in unrecorded
    assert "38 more threads" in unrecorded


def test_preemption_without_a_place() -> None:
    failure = dataclasses.replace(RACE, preemptions=[Preemption("T1", "", 0, "", "T2")])
    assert "preempted:\n  T1 → T2\n" in render_failure(result(failure), WIDE)


def hostile(text: str) -> Failure:
    def frame() -> Frame:
        return Frame(text, 1, text, text)

    access = AccessReport(text, text, 1, 0, text, text, [text], [frame()], text, text)
    return Failure(
        kind="race",
        exception=text,
        message=text,
        token=text,
        preemptions=[Preemption(text, text, 1, text, text)],
        threads=[ThreadReport(text, text, text, text, [Held(text, text, 1)], text, [frame()])],
        steps=[Step(1, text, text, 1, 0, text, text, text, text, text + "2", text, [text], text, text, 1, 3, 0, text)],
        data_races=[DataRace(text, access, access)],
        details=[text],
        advice=[text],
        clash=[access, access],
        clash_on=text,
        raised=frame(),
        raised_in=text,
    )


@pytest.mark.parametrize("kind", ["race", "deadlock", "hang", "nondeterministic", "serial-failure"])
@pytest.mark.parametrize("width", [0, 10, 79, 200])
def test_hostile_text_is_made_harmless(kind: Literal["race", "deadlock", "hang"], width: int) -> None:
    text = "a\x1b[2J\x1b]0;title\x07\rb\x9b31m\x00\u202ec\u2028d\udc80\n\ue000e\x7f"
    failure = dataclasses.replace(hostile(text), kind=kind)
    noted = dataclasses.replace(result(failure, nodeid=text), notes=[text], sometimes=[text], strategy=text)
    for verbose in (0, 2):
        shown = render_failure(noted, width, verbose)
        shown.encode()
        assert all(character == "\n" or character.isprintable() for character in shown)


def test_huge_text_is_clipped_where_lines_are_not_to_be_copied() -> None:
    failure = dataclasses.replace(hostile("x" * 100_000), token="rc1")
    for line in render_failure(result(failure), WIDE).splitlines():
        assert len(line) <= WIDE
