"""One object has one name in all of a report; and files of one name are told apart."""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.engine.names import LOOKS, Names
from pytest_racecheck.report.files import short_files
from pytest_racecheck.report.text import render_failure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Engine


class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.lock = threading.Lock()

    def add(self) -> None:
        seen = self.balance
        self.balance = seen + 1


def transfer(source: Account, target: Account) -> None:
    with source.lock, target.lock:
        pass


def test_a_deadlock_and_how_it_came_about_call_a_lock_the_same(engine: Engine) -> None:
    def body() -> None:
        accounts = {name: Account() for name in ("ann", "bob")}
        engine.together(lambda: transfer(*accounts.values()), lambda: transfer(*reversed(accounts.values())))

    failure = engine.explore(body).failure
    assert failure.kind == "deadlock"
    held = {each.resource for thread in failure.threads for each in thread.holds}
    assert held == {"accounts['ann'].lock", "accounts['bob'].lock"}
    assert {step.resource for step in failure.steps if step.operation == "acquire"} == held
    blocked = [step.switch for step in failure.steps if step.switch and step.switch.startswith("blocked on accounts[")]
    assert blocked


def test_objects_behind_self_are_called_what_leads_to_them(engine: Engine) -> None:
    def body() -> None:
        accounts = [Account(), Account()]
        engine.together(accounts[0].add, accounts[1].add, accounts[1].add)
        assert accounts[1].balance == 2

    failure = engine.explore(body).failure
    assert failure.clash_on == "accounts[1].balance"


@pytest.mark.parametrize(
    ("files", "short"),
    [
        (["/x/a/util.py"], ["util.py"]),
        (["/x/a/util.py", "/x/b/util.py", "/x/c.py"], ["a/util.py", "b/util.py", "c.py"]),
        (["/x/a/p/util.py", "/x/b/p/util.py", "/q/util.py"], ["a/p/util.py", "b/p/util.py", "q/util.py"]),
        (["util.py", "/x/util.py"], ["util.py", "x/util.py"]),
        (["/x/requests/__init__.py"], ["requests/__init__.py"]),
        (["C:\\x\\a\\util.py", "C:\\x\\b\\util.py"], ["a/util.py", "b/util.py"]),
        (["", "<string>"], ["", "<string>"]),
    ],
)
def test_files_are_told_apart_by_as_little_as_that_takes(files: list[str], short: list[str]) -> None:
    assert short_files(files) == dict(zip(files, short, strict=True))


def test_files_of_the_same_name_are_told_apart(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, source in (("one", "def read(box): return box.n"), ("two", "def write(box, n): box.n = n")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "same.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    one, two = (importlib.import_module(f"{package}.same") for package in ("one", "two"))

    class Box:
        n = 0

    def body() -> None:
        box = Box()

        def add() -> None:
            two.write(box, one.read(box) + 1)

        engine.together(add, add)
        assert box.n == 2

    explored = engine.explore(body)
    text = render_failure(explored.result, 200)
    assert "T1 read it at one/same.py:1 and wrote it at two/same.py:1" in text
    lanes = text.partition("why:")[0]
    assert "one/same.py" in lanes
    assert "two/same.py" in lanes


def test_names_do_not_depend_on_how_long_a_run_takes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shared:
        count = 0

    def slow(self: Names, looks: int = LOOKS) -> None:
        begin(self, looks)
        real.sleep(0.5)

    begin = Names.__init__
    monkeypatch.setattr(Names, "__init__", slow)

    def body() -> None:
        shared = Shared()

        def add() -> None:
            shared.count += 1

        engine.together(add, add)
        assert shared.count == 2

    failure = engine.explore(body).failure
    assert {step.resource for step in failure.steps if step.operation == "write"} == {"shared.count"}
