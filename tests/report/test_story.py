"""Which steps are told, and what is folded."""

from __future__ import annotations

from typing import Any, Final

import pytest

from pytest_racecheck.report.model import Failure, Frame, Step, ThreadReport
from pytest_racecheck.report.story import Entry, entries, threads_of
from pytest_racecheck.report.styled import Span, filled, fit, line, width_of, written
from pytest_racecheck.report.terminal import symbols_for
from pytest_racecheck.report.timeline import render_timeline

UNICODE: Final = symbols_for("utf-8")


def step(thread: str, number: int, **more: Any) -> Step:
    known = {"operation": "acquire", "resource": "lock", "code": f"line {number}", **more}
    return Step(known.pop("n", 0), thread, "a.py", number, 0, source=f"line {number}", **known)


def failure(*steps: Step, **more: Any) -> Failure:
    return Failure(more.pop("kind", "race"), "E", "m", "t", steps=list(steps), **more)


def told(*steps: Step, verbose: int = 0, **more: Any) -> list[Entry]:
    return entries(failure(*steps, **more), verbose, "->", "...")


def test_a_line_is_shown_once_for_all_that_a_thread_does_there() -> None:
    first, second = told(step("T1", 1), step("T1", 1, operation="release"), step("T1", 2))
    assert first.effects == ["acquire lock", "release lock"]
    assert second.effects == ["acquire lock"]


def test_a_read_that_belongs_to_a_write_is_not_told_twice() -> None:
    read = step("T1", 1, operation="read", resource="x", before="1")
    write = step("T1", 1, operation="write", resource="x", before="1", after="1")
    assert told(read, write)[0].effects == ["write x: 1 -> 1"]
    read.switch = "preempted"
    assert told(read, write)[0].effects == ["read x: 1", "write x: 1 -> 1"]


def test_threads_that_threads_started_keep_their_names() -> None:
    waits = step("T1", 1, switch="waits for the end of T2.1", to="T2")
    first, _, last = told(waits, step("T2", 2), step("T1", 2, operation="join", resource="T2.1"))
    assert first.turn == "waits for the end of T2.1 -> T2"
    assert last.effects == ["join T2.1"]


def test_where_a_thread_was_is_shown_even_if_it_did_nothing_else() -> None:
    start = step("T1", 1, operation="start", resource="T2", level=2)
    stops = step("T1", 2, operation="read", resource="x", level=2, switch="preempted", to="T2")
    entry, *_ = told(start, stops, step("T2", 3), step("T1", 4))
    assert (entry.code, entry.effects, entry.turn) == ("line 2", [], "preempted -> T2")
    start.switch, start.to = "preempted", "T2"
    entry, *_ = told(start, step("T2", 3), step("T1", 4))
    assert (entry.code, entry.effects) == ("line 1", ["start T2"])


def test_a_loop_that_another_thread_comes_after_is_folded_to_its_end() -> None:
    turns = [step("T1", 1, n=n, before=str(n)) for n in range(0, 40, 2)]
    hidden = [step("T1", 2, n=n, level=1) for n in range(1, 40, 2)]
    steps = sorted([*turns, *hidden], key=lambda each: each.n)[:-1]
    steps[-1].switch, steps[-1].to = "gives way", "T2"
    first, last, *_ = told(*steps, step("T2", 3, n=40))
    assert (first.turn, last.folded, last.turn) == ("", "... 18 times more the same line", "gives way -> T2")


def test_what_lies_between_is_folded_by_lines() -> None:
    hidden = [step("T1", number, level=1) for number in (2, 2, 3, 9)]
    first, last = told(step("T1", 1), *hidden, step("T1", 9))
    assert (first.folded, last.folded) == ("", "... 2 lines")
    assert len(told(step("T1", 1), *hidden, step("T1", 9), verbose=1)) == 4


def test_threads_without_a_part_have_no_lane() -> None:
    report = failure(step("main", 1, level=2), step("T2", 1), step("T1", 2))
    report.threads = [ThreadReport(each, each, "f", "finished") for each in ("main", "T1", "T2")]
    assert threads_of(report, 0) == ["T1", "T2"]
    assert threads_of(report, 2) == ["main", "T1", "T2"]


def test_a_switch_has_its_reason_and_where_it_goes() -> None:
    switched = step("T1", 1, switch="blocked on a.lock held by T2", to="T2", resource="a.lock")
    assert told(switched, step("T2", 2, resource="other"))[0].turn == "blocked on lock held by T2 -> T2"
    hidden = step("T1", 1, switch="preempted", to="main")
    assert told(hidden, step("main", 3, level=2), step("T1", 2))[0].turn == "preempted"


def test_names_are_short_where_that_leaves_them_apart() -> None:
    one, two = told(step("T1", 1, resource="a.x"), step("T1", 2, resource="b.x"))
    assert (one.effects, two.effects) == (["acquire a.x"], ["acquire b.x"])
    item = step("T1", 1, operation="write", resource="shop.stock['a.b']", before="1", after="2")
    assert told(item)[0].effects == ["write stock['a.b']: 1 -> 2"]


def test_a_loop_is_shown_at_its_ends_with_the_number_of_turns() -> None:
    turns = [step("T1", number, operation="read", resource="x", before=str(n)) for n in range(50) for number in (1, 2)]
    shown = told(*turns, step("T1", 3))
    assert [entry.line for entry in shown] == [1, 2, 1, 2, 3]
    assert shown[2].folded == "... 48 times more the same 2 lines"
    assert shown[2].effects == ["read x: 49"]
    assert len(told(*turns, verbose=2)) == 100


def test_so_is_a_loop_in_one_line() -> None:
    turns = [step("T1", 1, operation=kind, resource=name) for kind, name in [("read", "x"), ("sleep", "1 s")] * 9]
    (entry,) = told(*turns, step("T1", 1, operation="read", resource="y"))
    assert entry.effects == ["read x", "sleep 1 s", "... 8 times more", "read y"]
    (entry,) = told(*turns, verbose=2)
    assert len(entry.effects) == 18
    (entry,) = told(*turns[:6])
    assert len(entry.effects) == 6


def test_long_values_are_shortened() -> None:
    (entry,) = told(step("T1", 1, operation="read", resource="x", before="y" * 500))
    assert len(entry.effects[0]) < 60


def test_the_exception_stands_where_it_was_raised() -> None:
    steps = [step("T1", 1), step("T1", 2), step("T1", 1, operation="release", switch="ended", to="main")]
    shown = told(*steps, raised=Frame("a.py", 2, "f", "line 2"), raised_in="T1")
    assert [entry.error for entry in shown] == ["", "E", ""]
    shown = told(*steps, raised=Frame("a.py", 5, "f", "raise E"), raised_in="T1")
    assert (shown[-1].code, shown[-1].error, shown[-1].turn) == ("raise E", "E", "ended")
    assert not any(entry.error for entry in told(*steps, raised=Frame("a.py", 2, "f", "x"), raised_in="main"))


def test_an_exception_after_what_others_did_meanwhile_stands_below_that() -> None:
    steps = [
        step("main", 1, n=1, switch="waits for the end of T1", to="T1"),
        step("T1", 2, n=2, switch="ended", to="main"),
    ]
    steps.append(step("main", 1, n=3, level=2))
    shown = told(*steps, raised=Frame("a.py", 5, "f", "raise E"), raised_in="main")
    assert [(entry.thread, entry.error) for entry in shown] == [("main", ""), ("T1", ""), ("main", "E")]
    assert shown[0].turn == "waits for the end of T1 -> T1"


def test_a_wait_that_never_ends_stands_where_it_began() -> None:
    here = [Frame("a.py", 2, "f", "line 2")]
    thread = ThreadReport("T1", "T1", "f", "blocked", stack=here, waits_for="lock, held by itself")
    steps = [step("T1", 1), step("T1", 2, operation="block")]
    (_, wait) = told(*steps, kind="deadlock", threads=[thread])
    assert (wait.turn, wait.effects) == ("waits for lock, held by itself", [])


def test_calls_of_the_library_are_told_as_such() -> None:
    inside = [step("T1", 1, operation=kind, call="put box.queue") for kind in ("acquire", "release")]
    semaphore = [step("T1", 2, operation=kind, call="acquire permits") for kind in ("acquire", "release")]
    first, second = told(*inside, *semaphore)
    assert first.effects == ["queue.put()"]
    assert second.effects == ["acquire permits"]


def test_lines_are_cut_and_filled_to_their_width() -> None:
    parts = [Span("abc", "mark"), Span("defgh")]
    assert "".join(span.text for span in fit(parts, 5, "..")) == "abc.."
    assert "".join(span.text for span in fit(parts, 4, "..")) in ("ab..", "abc.")
    assert fit(parts, 8, "..") == parts
    assert all(width_of(fit(parts, width, "..")) <= width for width in range(12))
    assert width_of(filled(parts, 20)) == 20


def test_colours_are_escape_sequences_around_the_text() -> None:
    parts = [Span("a", "mark"), Span("b"), Span("  ")]
    assert written(parts, colour=False) == "ab"
    assert written(parts, colour=True) == "\x1b[1;33ma\x1b[0mb"
    assert written(line(""), colour=True) == ""


@pytest.mark.parametrize(
    ("width", "code", "carets"),
    [
        (80, "  7 if self.x >= y: self.z = self.y", " " * 20 + "^^^^^^"),
        (26, "  7 … self.x >= y: self.z…", " " * 19 + "^^^^^^"),
    ],
)
def test_what_is_marked_is_in_sight(width: int, code: str, carets: str) -> None:
    source = "if self.x >= y: self.z = self.y"
    marked = step("T1", 7, operation="write", code=source, mark_start=16, mark_end=22, resource="a.z", before="1")
    lines = [written(each, colour=False) for each in render_timeline(failure(marked), width, 0, UNICODE, colour=False)]
    at = lines.index(code)
    assert lines[at + 1].startswith(carets)
