"""Replay tokens name sites, so the same source has the same sites on every version of Python."""

from __future__ import annotations

import types
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_racecheck.instrument import calls
from pytest_racecheck.instrument.plan import make_plan
from pytest_racecheck.instrument.source import function_name, source_of

if TYPE_CHECKING:
    import pytest

    from pytest_racecheck.engine.operation import Access

GOLDEN = Path(__file__).parent / "golden"


def sites_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """All accesses that the code of a file can make, a line each, in the order of the text."""
    make_handler = calls.call

    def call(site: calls.CallSite) -> calls.CallHandler:
        site.access("update", "()", True)  # what a call does is known when it runs
        return make_handler(site)

    monkeypatch.setattr(calls, "call", call)
    source = source_of(str(file), None)
    assert source is not None
    accesses: list[Access] = []
    codes = [compile(file.read_text(encoding="utf-8"), str(file), "exec", dont_inherit=True)]
    while codes:
        code = codes.pop()
        codes += [part for part in code.co_consts if isinstance(part, types.CodeType)]
        accesses += make_plan(code, source, None).accesses
    return "".join(
        sorted(
            {
                f"{site.line:3}:{site.column:<3} {access.kind:6} {access.name:10} {site.function:40} {site.source}\n"
                for access in accesses
                for site in (access.site,)
            },
            key=lambda line: (int(line[:3]), int(line[4:7]), line),
        )
    )


def test_sites_are_the_same_on_every_version(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (GOLDEN / "sites.txt").read_text(encoding="utf-8")
    assert sites_of(GOLDEN / "corpus.txt", monkeypatch) == expected


def test_comprehensions_are_no_functions() -> None:
    assert function_name("f") == "f"
    assert function_name("f.<locals>.<listcomp>") == "f"
    assert function_name("f.<locals>.<listcomp>.<dictcomp>.<lambda>") == "f.<locals>.<lambda>"
    assert function_name("<setcomp>") == "<module>"
    assert function_name("C.<listcomp>.<lambda>") == "C.<lambda>"
    assert function_name("f.<locals>.<genexpr>") == "f.<locals>.<genexpr>"
