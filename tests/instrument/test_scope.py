"""Which code is instrumented, and what `include` and `exclude` change."""

from __future__ import annotations

import importlib.metadata
import json
import logging.handlers
import os
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest

import pytest_racecheck
from pytest_racecheck.instrument import Scope
from pytest_racecheck.instrument.scope import by_default, special_attributes

PACKAGE = Path(pytest_racecheck.__file__).parent
SITE = Path(pytest.__file__).parents[1]


def code_of(file: str | Path) -> CodeType:
    return compile("", str(file), "exec")


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (__file__, True),
        ("/home/me/project/app.py", True),
        ("<string>", True),
        ("<doctest app[0]>", True),
        (SITE / "requests/sessions.py", True),
        (SITE / "attr/_make.py", True),
        (SITE / "single_file.py", True),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", True),
        (PACKAGE / "tutorial/bank.py", True),
        (PACKAGE / "engine/scheduler.py", False),
        (SITE / "_pytest/python.py", False),
        (SITE / "pluggy/_callers.py", False),
        (SITE / "xdist/plugin.py", False),
        (SITE / "pytest_cov/plugin.py", False),
        (SITE / "pytest_timeout.py", False),
        (SITE / "_hypothesis_pytestplugin.py", False),
        (SITE / "hypothesis/core.py", False),
        (json.__file__, False),
        (os.__file__, False),
        ("<frozen importlib._bootstrap>", False),
        ("<frozen os>", False),
    ],
)
def test_default(file: str | Path, wanted: bool) -> None:
    assert by_default(str(file)) is wanted
    assert Scope().wants(code_of(file)) is wanted


@pytest.mark.parametrize(
    ("entry", "file", "matches"),
    [
        ("json", json.__file__, True),
        ("logging", logging.handlers.__file__, True),
        ("logging.handlers", logging.handlers.__file__, True),
        ("logging.handlers", logging.__file__, False),
        ("log", logging.__file__, False),
        ("os", "<frozen os>", True),
        ("importlib", "<frozen importlib._bootstrap>", False),
        ("*/json/*.py", json.__file__, True),
        ("json/__init__.py", json.__file__, True),
        ("*/jso/*.py", json.__file__, False),
        ("*", str(PACKAGE / "engine/scheduler.py"), False),
        ("*", str(PACKAGE / "tutorial/bank.py"), True),
    ],
)
def test_include(entry: str, file: str, matches: bool) -> None:
    assert Scope(include=(entry,)).wants(code_of(file)) is matches


def test_exclude_wins() -> None:
    requests = code_of(SITE / "requests/sessions.py")
    assert not Scope(exclude=("requests",)).wants(requests)
    assert not Scope(include=("requests",), exclude=("requests",)).wants(requests)
    assert Scope(exclude=("requests.adapters",)).wants(requests)


def test_only_lock_free_attributes_of_threading() -> None:
    import threading

    assert special_attributes(threading.Event.is_set.__code__) == frozenset({"_flag"})
    assert special_attributes(threading.Condition.wait.__code__) is None
    assert special_attributes(json.dumps.__code__) is None


#: Plugins that are much else besides.
LIBRARIES = ("anyio", "time_machine")


def test_plugins_that_are_installed_are_out_of_scope() -> None:
    for entry in importlib.metadata.entry_points(group="pytest11"):
        module = sys.modules.get(entry.module)
        if module is not None and module.__file__ is not None and entry.name not in LIBRARIES:
            assert not by_default(module.__file__)


def test_racecheck_itself_stays_out_when_it_is_imported_through_a_link(tmp_path: Path) -> None:
    link = tmp_path / PACKAGE.name
    link.symlink_to(PACKAGE)
    program = """if True:
        from pytest_racecheck.engine import real
        from pytest_racecheck.instrument import Scope
        from pytest_racecheck.tutorial import bank
        for module in (real, bank):
            print(module.__file__, Scope().wants(compile("", module.__file__, "exec")))
    """
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{link}/engine/real.py False", f"{link}/tutorial/bank.py True"]
