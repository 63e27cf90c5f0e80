"""The detectors on correct programs: nothing is warned of, and only what breaks a rule by definition fails by it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

SAFE = sorted((Path(__file__).parents[1] / "programs" / "safe").glob("*.py"))

#: Correct by the order of single steps that are atomic, with nothing that orders them: a lock-free algorithm, a look
#: without the lock before one with it, a last one that wins, an order that only sleeping makes.
RACING = {
    *("atomic_attribute_store", "atomic_dict_store", "cached_value_computed_twice", "circular_buffer"),
    *("copy_on_write_with_lock", "double_checked_locking", "expected_exception_in_thread", "fresh_node_stack"),
    *("functools_cache", "lazy_singleton", "peterson", "polling_with_sleep", "sleep_ordered_handover", "torn_pair"),
    *("use_after_close", "value_before_flag", "work_stealing_queue"),
}


def results(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, dict[str, Any]]:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for program in SAFE:
        shutil.copy(program, pytester.path)
    report = pytester.path / "report.json"
    pytester.runpytest_inprocess(
        *("-p", "racecheck", "--import-mode=importlib", "--tb=no", "-o", "python_files=*.py"),
        *("--interleavings=8", f"--racecheck-json={report}", "-o", "racecheck_shrink=0.1", *options),
    )
    tests = json.loads(report.read_text())["tests"]
    assert len(tests) >= len(SAFE)
    return {test["nodeid"].partition(".py::")[0]: test for test in tests}


def test_correct_programs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    found = results(pytester, monkeypatch, "--racecheck-fail-on=data-race,lock-order,leak")
    failed = {name: test["failure"]["finding"] for name, test in found.items() if test["failure"] is not None}
    assert failed == dict.fromkeys(RACING, "data-race") | {"opposite_orders_one_after_the_other": "lock-order"}
    warnings = [text for test in found.values() for text in test["warnings"] if text.startswith("shows")]
    assert warnings == []
