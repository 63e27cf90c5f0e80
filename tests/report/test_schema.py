"""The JSON report against its published schema."""

from __future__ import annotations

import dataclasses
import importlib.resources
import json
from typing import Any

import pytest

from pytest_racecheck.report import model

jsonschema = pytest.importorskip("jsonschema")

PROGRAM = """
    import threading, pytest

    class Bank:
        def __init__(self): self.balance = 100
        def withdraw(self, amount):
            if self.balance >= amount:
                self.balance -= amount

    @pytest.mark.race
    def test_race(racecheck):
        bank = Bank()
        racecheck.run(lambda: bank.withdraw(80), lambda: bank.withdraw(70))
        assert bank.balance >= 0

    @pytest.mark.race
    def test_deadlock(racecheck):
        first, second = threading.Lock(), threading.Lock()
        def forth():
            with first, second: pass
        def back():
            with second, first: pass
        racecheck.run(forth, back)

    @pytest.mark.race
    def test_serial_failure(): raise ValueError

    @pytest.mark.race
    def test_proved(racecheck):
        lock = threading.Lock()
        def use():
            with lock: pass
        racecheck.run(use, use)
        racecheck.outcome("done")

    @pytest.mark.race(interleavings=3)
    def test_never(racecheck): racecheck.sometimes(False, "never")

    @pytest.mark.race(timeout=0.2)
    def test_hang(racecheck):
        flag = []
        def spin():
            while not flag: pass
        racecheck.run(spin, lambda: None)
"""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    text = importlib.resources.files("pytest_racecheck").joinpath("report", "schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


def test_it_describes_every_field_of_the_model(schema: dict[str, Any]) -> None:
    """A field that is added to the model has to be described in report/schema.json as well."""
    described = {name: set(each["properties"]) for name, each in schema["$defs"].items()}
    fields = {
        name: {field.name for field in dataclasses.fields(each)}
        for name, each in vars(model).items()
        if isinstance(each, type) and dataclasses.is_dataclass(each)
    }
    assert described == fields


def test_real_reports_conform(
    schema: dict[str, Any], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(PROGRAM)
    pytester.runpytest_subprocess("-p", "racecheck", "--racecheck-json=out.json")  # with a hang: out of harm's way
    report = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema)
    verdicts = {test["verdict"] for test in report["tests"]}
    assert verdicts >= {"race", "deadlock", "serial-failure", "proved", "hang"}
    report["tests"][0]["failure"]["steps"][0]["line"] = "12"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema)
