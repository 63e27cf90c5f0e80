"""Clashes by name: each pattern where it fits, and no name where the source does not bear it out."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.detect import guards
from pytest_racecheck.detect.calls import with_calls
from pytest_racecheck.detect.code import code_at
from pytest_racecheck.detect.happens_before import order_of
from pytest_racecheck.detect.patterns import find_clash
from pytest_racecheck.detect.waking import find_lost_wake_up
from pytest_racecheck.engine.operation import Site
from pytest_racecheck.report.model import Frame
from tests.detect.runs import Program, event, numbered, trace

if TYPE_CHECKING:
    from pytest_racecheck.detect.clash import Clash
    from pytest_racecheck.detect.events import Event

PROGRAMS = Path(__file__).parents[1] / "programs" / "buggy"


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Program:
    return Program(tmp_path / f"{request.node.name.partition('[')[0]}.py", request.param)


def source(text: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("program", [text], indirect=True, ids=["program"])


def clash(*events: Event, **more: Any) -> Clash:
    found = find_clash(trace(*events, **more))
    assert found is not None
    return found


COUNTER = "def f(self):\n    self.x += 1\n"


@source(COUNTER)
def test_lost_update(program: Program) -> None:
    def at(thread: str, kind: str, **values: str) -> Event:
        return program.at("+=", "self.x", thread, kind, **values)

    found = clash(
        at("T1", "read", before="0"),
        at("T2", "read", before="0"),
        at("T2", "write", before="0", after="1"),
        at("T1", "write", before="1", after="1"),
    )
    assert found.name == "lost update"
    assert [(each.thread, each.kind) for each in found.accesses] == [("T1", "read"), ("T2", "write"), ("T1", "write")]


@source("def f(self):\n    old = self.x\n    new = old + 1\n    self.x = new\n")
def test_lost_update_through_variables(program: Program) -> None:
    found = clash(
        program.at("old =", "self.x", "T1", "read", before="0"),
        program.at("= new", "self.x", "T2", "write", before="0", after="1"),
        program.at("= new", "self.x", "T1", "write", before="1", after="1"),
    )
    assert found.name == "lost update"


@source("def f(self):\n    log(self.x)\n    self.x = 7\n")
def test_a_write_that_has_nothing_to_do_with_the_read_is_no_lost_update(program: Program) -> None:
    found = clash(
        program.at("log(", "self.x", "T1", "read", before="0"),
        program.at("= 7", "self.x", "T2", "write", before="0", after="7"),
        program.at("= 7", "self.x", "T1", "write", before="7", after="7"),
    )
    assert found.name == ""


BANK = "def f(self, n):\n    if self.x >= n:\n        self.x -= n\n"


@source(BANK)
def test_check_then_act(program: Program) -> None:
    found = clash(
        program.at("if", "self.x", "T1", "read", before="100"),
        program.at("-=", "self.x", "T2", "read", before="100"),
        program.at("-=", "self.x", "T2", "write", before="100", after="30"),
        program.at("-=", "self.x", "T1", "read", before="30"),
        program.at("-=", "self.x", "T1", "write", before="30", after="-50"),
    )
    assert found.name == "check-then-act"
    assert ":2 and the write at" in found.sentence
    assert found.sentence.endswith(":3.")


@source("def f(self):\n    if self.x: self.x -= 1\n")
@pytest.mark.parametrize(("place", "name"), [("if", "check-then-act"), ("-=", "lost update")])
def test_in_one_line_the_column_tells_a_check_from_an_update(program: Program, place: str, name: str) -> None:
    read = program.at("if", "self.x", "T1", "read", before="1")
    again = replace(read, site=read.site._replace(column=15, end_column=21))  # type: ignore[union-attr]
    write = replace(again, kind="write", before="0", after="-1")
    events = [read, again] if place == "-=" else [read]
    theirs = replace(write, thread="T2", before="1", after="0")
    rest = [write] if place == "-=" else [replace(again, before="0"), write]
    assert clash(*events, theirs, *rest).name == name


@source("def f(self, n):\n    left = self.x\n    if left < n:\n        return\n    self.x = fewer()\n    log(left)\n")
def test_a_check_of_a_variable_is_one_of_what_was_read_into_it(program: Program) -> None:
    found = clash(
        program.at("left =", "self.x", "T1", "read", before="100"),
        program.at("fewer", "self.x", "T2", "write", before="100", after="30"),
        program.at("fewer", "self.x", "T1", "write", before="30", after="20"),
    )
    assert found.name == "check-then-act"
    assert "decided on the write" in found.sentence


@source("def f(self, n):\n    left = self.x\n    if n:\n        self.x = fewer()\n    if left:\n        log()\n")
def test_a_check_of_another_variable_is_none(program: Program) -> None:
    found = clash(
        program.at("left =", "self.x", "T1", "read", before="100"),
        program.at("fewer", "self.x", "T2", "write", before="100", after="30"),
        program.at("fewer", "self.x", "T1", "write", before="30", after="20"),
    )
    assert found.name == ""


@source("def f(self):\n    while True:\n        if self.x:\n            self.x = 0\n")
@pytest.mark.parametrize(("looks_again", "name"), [(False, "check-then-act"), (True, "")])
def test_who_looks_again_in_the_next_turn_of_a_loop_goes_by_that(
    program: Program, looks_again: bool, name: str
) -> None:
    look = program.at("if", "self.x", "T1", "read", before="1")
    theirs = program.at("= 0", "self.x", "T2", "write", before="1", after="2")
    again = [replace(look, before="2")] if looks_again else []
    act = program.at("= 0", "self.x", "T1", "write", before="2", after="0")
    assert clash(look, theirs, *again, act).name == name


@source("def f(self):\n    if len(self.x) < 1:\n        self.x.append(1)\n\ndef g(self):\n    self.x = []\n")
def test_a_container_that_only_looks_the_same_is_another_one(program: Program) -> None:
    found = clash(
        program.at("len", "self.x", "T1", "read", before="[]"),
        program.at("= []", "self.x", "T2", "write", before="[]", after="[]"),
        program.at("append", "self.x", "T1", "read", before="[]"),
    )
    assert found.name == "check-then-act"


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("def f(self, v):\n    self.x = Node(v, self.x)\n", "lost update"),
        ("def f(self, v):\n    head = self.x\n    self.x = Node(v, head)\n", "lost update"),
        ("def f(self, v):\n    self.x = self.x or make(v)\n", "double initialisation"),
        ("def f(self, v):\n    made = self.x\n    self.x = made or make(v)\n", "double initialisation"),
        ("def f(self, v):\n    log(self.x)\n    self.x = Node(v)\n", "double initialisation"),
    ],
    indirect=["program"],
)
def test_nothing_that_goes_into_what_is_written_is_lost_as_well(program: Program, name: str) -> None:
    lines = Path(program.file).read_text(encoding="utf-8").splitlines()
    reads = lines[1].partition("= ")[2] if lines[1].strip().startswith("self.x =") else lines[1]
    first = program.at(reads, "self.x", "T1", "read", before="None")
    if len(lines) == 2:
        column = lines[1].rindex("self.x")
        first = replace(first, site=first.site._replace(column=column, end_column=column + 6))  # type: ignore[union-attr]
    theirs = program.at("self.x =", "self.x", "T2", "write", before="None", after="<Node>")
    mine = replace(theirs, thread="T1", before="<Node>")
    assert clash(first, theirs, mine).name == name


@source("def f(self, k):\n    if len(self.x) < 2:\n        self.x[k] = 1\n")
def test_a_check_of_the_whole_is_one_of_every_item(program: Program) -> None:
    def put(thread: str, item: str) -> Event:
        return program.at("= 1", "self.x[k]", thread, "write", container=True, item=item, before="missing", after="1")

    found = clash(
        program.at("len", "len(self.x)", "T1", "read", container=True, before="{1: 1}"), put("T2", "2"), put("T1", "3")
    )
    assert found.name == "check-then-act"


@source("def f(self):\n    for n in range(len(self.x)):\n        use(self.x[n])\n\ndef g(self):\n    self.x.pop()\n")
def test_a_look_at_the_whole_counts_after_one_at_an_item(program: Program) -> None:
    def at(text: str, expression: str, thread: str, kind: str, **more: Any) -> Event:
        return program.at(text, expression, thread, kind, container=True, **more)

    found = clash(
        at("len", "len(self.x)", "T1", "read", before="[1, 2]"),
        at("use", "self.x[n]", "T1", "read", item="0", before="1"),
        at("pop", "self.x.pop()", "T2", "update", before="[1, 2]", after="[1]"),
        at("use", "self.x[n]", "T1", "read", item="1", before="missing"),
    )
    assert [each.item for each in found.accesses] == [None, None, "1"]
    assert found.name == ""


@source("def f(self):\n    self.x[0] -= 1\n    self.x[1] += 1\n\ndef g(self):\n    sum(self.x)\n")
def test_two_items_that_belong_together(program: Program) -> None:
    def put(text: str, item: str) -> Event:
        expression = f"self.x[{item}]"
        return program.at(text, expression, "T1", "write", container=True, item=item, before="5", after="4")

    found = clash(
        put("-=", "0"),
        program.at("sum", "sum(self.x)", "T2", "read", container=True, before="[4, 5]"),
        put("+=", "1"),
    )
    assert [each.thread for each in found.accesses] == ["T1", "T2", "T1"]
    assert found.sentence.count("T2") == 1


FILE = "def f(path):\n    if not path.exists():\n        path.write_text('me')\n"


@source(FILE)
def test_files_are_checked_and_written_like_all_else(program: Program) -> None:
    def at(text: str, thread: str, call: str, path: str = "/run/lock") -> Event:
        file = program.at(text, "path", thread, "file", memory=False, call=call, subject=path)
        line = code_at(program.file, file.line[1]).strip()
        return replace(file, site=file.site._replace(source=line))  # type: ignore[union-attr]

    run = with_calls(trace(at("if", "T1", "read"), at("write_", "T2", "write"), at("write_", "T1", "write")))
    found = find_clash(run)
    assert found is not None
    assert found.name == "check-then-act"
    assert {each.resource for each in found.accesses} == {"the file lock"}
    others = trace(at("if", "T1", "read"), at("write_", "T2", "write", "/tmp/lock"), at("write_", "T1", "write"))
    assert find_clash(with_calls(others)) is None, "it is another file of the same name"


@source(BANK)
def test_a_write_that_changes_nothing_clashes_with_nothing(program: Program) -> None:
    run = trace(
        program.at("if", "self.x", "T1", "read", before="100"),
        program.at("-=", "self.x", "T2", "write", before="100", after="100"),
        program.at("-=", "self.x", "T1", "write", before="100", after="20"),
    )
    assert find_clash(run) is None


@source("def f(self):\n    if self.x is None:\n        self.x = make()\n    return self.x\n")
def test_double_initialisation(program: Program) -> None:
    found = clash(
        program.at("if", "self.x", "T1", "read", before="None"),
        program.at("make", "self.x", "T2", "write", before="None", after="<A>"),
        program.at("make", "self.x", "T1", "write", before="<A>", after="<A>"),
    )
    assert found.name == "double initialisation"


@pytest.mark.parametrize(
    "program",
    [
        "def f(self):\n    made = self.x\n    if made is None:\n        made = make()\n        self.x = made\n",
        "def f(self):\n    made = self.x\n    if made:\n        return made\n    made = make()\n    self.x = made\n",
    ],
    indirect=True,
    ids=["inside", "below"],
)
def test_what_was_made_may_go_by_the_name_of_what_was_read(program: Program) -> None:
    theirs = program.at("self.x = made", "self.x", "T2", "write", before="None", after="<A>")
    found = clash(
        program.at("made = self.x", "self.x", "T1", "read", before="None"),
        theirs,
        replace(theirs, thread="T1", before="<A>"),
    )
    assert found.name == "double initialisation"


@source("def f(self, k):\n    self.x[k] = self.x.get(k, 0) + 1\n")
def test_a_count_that_begins_at_nothing_is_no_initialisation(program: Program) -> None:
    def put(thread: str, before: str) -> Event:
        return program.at("= self", "self.x[k]", thread, "write", container=True, item="1", before=before, after="1")

    look = program.at("= self", "self.x.get(k, 0)", "T1", "read", container=True, item="1", before="missing")
    assert clash(look, put("T2", "missing"), put("T1", "1")).name == "lost update"


@source("def f(self):\n    for each in self.x:\n        use(each)\n\ndef g(self):\n    self.x.append(1)\n")
@pytest.mark.parametrize(
    ("kind", "thrown", "name"),
    [("update", "", True), ("write", "changed size during iteration", True), ("write", "", False)],
)
@pytest.mark.parametrize("thrower", ["T1", "main"])
def test_iterate_while_mutating(program: Program, kind: str, thrown: str, name: bool, thrower: str) -> None:
    found = clash(
        program.at("for", "self.x", "T1", "read", call="iter", before="[0]"),
        program.at("append", "self.x", "T2", kind, before="[0]", after="[0, 1]"),
        program.at("for", "self.x", "T1", "read", call="iter", before="[0, 1]"),
        thrower=thrower,
        thrown="RuntimeError" if thrower == "T1" else "AssertionError",
        thrown_text=thrown,
    )
    assert (found.name == "iterate while mutating") is name


PAIR = "def f(self):\n    self.x = 1\n    self.y = 1\n\ndef g(self):\n    return self.x, self.y\n"


@source(PAIR)
@pytest.mark.parametrize(
    ("locks", "name"),
    [(("a", "b"), "atomicity over two locks"), (("a", "a"), ""), (("", ""), "")],
    ids=["two", "one", "none"],
)
def test_atomicity_over_two_locks(program: Program, locks: tuple[str, str], name: str) -> None:
    first, second = ((each,) if each else () for each in locks)
    found = clash(
        program.at("self.x = 1", "self.x", "T1", "write", before="0", after="1", holds=first),
        program.at("return", "self.x", "T2", "read", before="1", holds=first),
        program.at("return", "self.y", "T2", "read", before="0", holds=second, identity=2, resource="y"),
        program.at(
            "self.y = 1", "self.y", "T1", "write", before="0", after="1", holds=second, identity=2, resource="y"
        ),
    )
    assert found.name == name
    assert len(found.accesses) == 4


@source(
    "def f(self):\n    self.ready = True\n\ndef g(self):\n    self.value.go()\n\ndef h(self):\n    self.value = 1\n"
)
@pytest.mark.parametrize(
    ("thrown", "text", "before", "name"),
    [
        ("AttributeError", "'A' object has no attribute 'value'", None, "order violation"),
        ("AttributeError", "'NoneType' object has no attribute 'go'", "None", "order violation"),
        ("AttributeError", "'A' object has no attribute 'other'", None, ""),
        ("ValueError", "'value'", None, ""),
    ],
)
def test_order_violation(program: Program, thrown: str, text: str, before: str | None, name: str) -> None:
    use = program.at("go()", "self.value", "T1", "read", before=before, resource="a.value")
    found = find_clash(
        trace(
            use,
            program.at("= 1", "self.value", "T2", "write", before=before, after="1", resource="a.value"),
            thrower="T1",
            thrown=thrown,
            thrown_text=text,
            thrown_at=Frame(program.file, use.line[1], "g", ""),
        )
    )
    assert (found.name if found else "") == name


@source(
    "def f(self):\n    if not self.x:\n        with self.c:\n            self.c.wait()\n\n"
    "def g(self):\n    self.x = True\n"
)
def test_lost_wake_up(program: Program) -> None:
    look = program.at("if", "self.x", "T1", "read", before="False")
    write = program.at("= True", "self.x", "T2", "write", before="False", after="True")
    waits = program.at("wait", "self.c.wait()", "T1", "block", memory=False, identity=9)
    found = find_lost_wake_up(trace(look, write, waits), ["T1"])
    assert found is not None
    assert found.name == "lost wake-up"
    assert find_lost_wake_up(trace(write, look, waits), ["T1"]) is None
    late = find_lost_wake_up(trace(look, waits, write), ["T1"])
    assert late is not None
    assert late.sentence.endswith(":7, and nobody woke T1.")
    back = replace(write, thread="T3", before="True", after="False")
    assert find_lost_wake_up(trace(look, waits, write, back), ["T1"]) is None, "there was nothing left to wake it for"


@source(COUNTER + "def g(self):\n    if self.y:\n        self.y = 0\n")
def test_two_patterns_at_once_have_no_name(program: Program) -> None:
    """Either may be what the test stumbled over."""
    y = {"identity": 2, "resource": "y"}
    found = clash(
        program.at("if", "self.y", "T1", "read", before="1", **y),
        program.at("+=", "self.x", "T1", "read", before="0"),
        program.at("+=", "self.x", "T2", "write", before="0", after="1"),
        program.at("y = 0", "self.y", "T2", "write", before="1", after="0", **y),
        program.at("+=", "self.x", "T1", "write", before="1", after="1"),
        program.at("y = 0", "self.y", "T1", "write", before="0", after="0", **y),
    )
    assert found.name == ""


def test_no_shared_memory_no_clash() -> None:
    assert find_clash(trace(event("T1", "acquire", 1), event("T2", "acquire", 1))) is None


# --- locks


def accesses(program: Program, *holds: tuple[str, ...]) -> list[Event]:
    kinds = ("read", "write", "write")
    threads = ("T1", "T2", "T1")
    places = ("if", "-=", "-=")
    return trace(
        *(
            program.at(place, "self.x", thread, kind, before="1", after="0", holds=held)
            for place, thread, kind, held in zip(places, threads, kinds, holds, strict=True)
        )
    ).events


@source(BANK)
def test_a_lock_that_is_released_in_between(program: Program) -> None:
    found = accesses(program, ("m",), ("m",), ("m",))
    assert guards.ordering(found, order_of(found)) == "Both hold m there, but T1 releases it in between."
    assert guards.advice(found, found).startswith("Hold m from ")


@source(BANK)
def test_a_lock_that_the_others_hold(program: Program) -> None:
    found = accesses(program, (), ("m",), ("m",))
    assert guards.ordering(found, order_of(found)).startswith("Nothing orders them")
    # At the look alone it would not help.
    assert guards.advice(found, found).startswith("Hold m from ")
    bare = replace(program.at("def", "f", "T2", "write", before="1", after="0"), n=1)
    held = [replace(found[0], holds=("m",)), bare, found[2]]
    assert guards.advice(held, held).startswith("Every other access to x holds m: hold it at ")
    assert guards.advice(held, held).endswith(".py:1, too.")


def test_no_advice_on_the_code_of_the_standard_library() -> None:
    def at(thread: str, number: int, *holds: str) -> Event:
        site = Site(threading.__file__, number, 0, number, 1, "f", "x")
        return event(thread, "read", memory=True, site=site, holds=holds)

    events = numbered(at("T1", 1, "a lock"), at("T2", 2, "a lock"), at("T1", 3))
    assert guards.advice(events, events) == ""


@source(BANK)
def test_no_advice_where_nothing_is_certain(program: Program) -> None:
    found = accesses(program, (), (), ())
    assert guards.advice(found, found) == ""
    mixed = accesses(program, ("a",), ("b",), ("c",))
    assert guards.advice(mixed, mixed) == ""


# --- whole programs

NAMES = {
    "account": "",
    "barrier_misuse": "order violation",
    "bluetooth_driver": "check-then-act",
    "check_then_act_capacity": "check-then-act",
    "check_then_act_deque": "check-then-act",
    "check_then_act_full_queue": "check-then-act",
    "check_then_act_future": "check-then-act",
    "check_then_act_pop": "check-then-act",
    "condition_if_instead_of_while": "check-then-act",
    "copy_on_write_without_lock": "lost update",
    "deadlock01": "lock-order cycle",
    "double_checked_locking": "",
    "duplicate_ids": "lost update",
    "event_cleared_after_the_look": "lost wake-up",
    "flag_before_value": "",
    "global_instead_of_thread_local": "",
    "iterate_dict_while_mutating": "iterate while mutating",
    "iterate_list_while_removing": "iterate while mutating",
    "lazy_singleton": "double initialisation",
    "lost_update_attribute": "lost update",
    "lost_update_counter_class": "lost update",
    "lost_update_dict_item": "lost update",
    "lost_update_global": "lost update",
    "lost_update_nonlocal": "lost update",
    "lost_update_property": "lost update",
    "lost_wakeup": "lost wake-up",
    "overdraft_over_two_checks": "check-then-act",
    "split_critical_section": "lost update",
    "torn_pair": "",
    "two_stage_locking": "atomicity over two locks",
}


def test_programs_get_the_name_of_their_bug(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in NAMES:
        shutil.copy(PROGRAMS / f"{name}.py", pytester.path)
    report = pytester.path / "report.json"
    pytester.runpytest_inprocess(
        *("-p", "racecheck", "--import-mode=importlib", "--tb=no", "-o", "python_files=*.py"),
        *("--racecheck-seed=1", f"--racecheck-json={report}", "-o", "racecheck_shrink=0.5"),
    )
    failures = {
        test["nodeid"].partition(".py::")[0]: test["failure"] for test in json.loads(report.read_text())["tests"]
    }
    assert {name: failure["cause"] for name, failure in failures.items()} == NAMES
