"""Values that do harm when they are looked at, or when they are printed: every report stays whole, the run goes on."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from pytest_racecheck.report.model import TestResult
from tests.report.test_html_page import Page

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SOURCE = r"""
import threading, pytest

LOCK = threading.Lock()
MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(2)>]]>&amp;"
ESCAPES = "\x1b[2J\x1b]0;title\x07\r\n\x00\u2028\u202e\udc80"
looked_at = []

class Raises:
    def __repr__(self):
        looked_at.append("repr")
        raise RuntimeError("no")
    __str__ = __format__ = __eq__ = __bool__ = __len__ = __getattr__ = __repr__
    __hash__ = None
    @property
    def __class__(self): raise RuntimeError("no class")

class TakesLocks:
    def __repr__(self):
        looked_at.append("lock")
        with LOCK: return "x"

class Exits:
    def __repr__(self): raise SystemExit(3)

class Text(str):
    def __repr__(self): return looked_at.append("text")
    __str__ = __repr__

HUGE = ["x" * 1_000_000, list(range(100_000)), 10 ** 5_000, b"\x1b" * 1_000_000, {n: n for n in range(10_000)}]
ENDLESS = []
ENDLESS.append(ENDLESS)
VALUES = [Raises(), TakesLocks(), Exits(), Text("a"), MARKUP, ESCAPES, *HUGE, ENDLESS, [Raises()], {MARKUP: ESCAPES}]

class Box:
    def __init__(self, value):
        self.value = value
        self.items = {}
        self.turns = 0
    def put(self, value):
        with LOCK:
            self.value = value
            self.items[ESCAPES + MARKUP] = value
        n = self.turns
        self.turns = n + 1

def put_both(first, second):
    box = Box(first)
    threads = [threading.Thread(target=box.put, args=(each,), name=MARKUP + ESCAPES) for each in (first, second)]
    for each in threads: each.start()
    for each in threads: each.join()
    return box

@pytest.mark.race
@pytest.mark.parametrize("number", range(0, len(VALUES), 2))
def test_value(number, racecheck):
    racecheck.outcome(MARKUP + ESCAPES)
    box = put_both(*VALUES[number : number + 2])
    assert looked_at == []
    if box.turns != 2:
        raise ValueError(MARKUP + "x" * 5_000 + ESCAPES)

class Unprintable(Exception):
    __str__ = __repr__ = lambda self: 1 / 0

@pytest.mark.race
def test_exception():
    if put_both(1, 2).turns != 2:
        raise Unprintable

class Strange(type):
    @property
    def __name__(cls): raise RuntimeError
class Thing(metaclass=Strange): pass
Named = type(MARKUP, (Exception,), {})

@pytest.mark.race
def test_names():
    if put_both(Thing(), Thing).turns != 2:
        raise Named
"""


def test_every_report_stays_whole(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    pytester.makepyfile(SOURCE)
    files = ("--racecheck-json=out.json", "--racecheck-html=page.html", "--junitxml=junit.xml")
    result = pytester.runpytest_subprocess(
        "-p", "racecheck", "-p", "no:cacheprovider", "--tb=short", "--interleavings=20", "-v", *files, timeout=120
    )
    assert "INTERNALERROR" not in result.stdout.str()
    tests = _json(pytester.path / "out.json")
    assert {test.verdict for test in tests} == {"race"}
    assert len(tests) == 9
    _terminal(result.stdout.str())
    _page(pytester.path / "page.html")
    _junit(pytester.path / "junit.xml", len(tests))


def _json(path: Path) -> list[TestResult]:
    text = path.read_text(encoding="utf-8")
    tests = [TestResult.from_json(test) for test in json.loads(text)["tests"]]
    values = [
        value for test in tests if test.failure for step in test.failure.steps for value in (step.before, step.after)
    ]
    assert max(len(value or "") for value in values) < 500
    return tests


def _terminal(text: str) -> None:
    """What racecheck itself prints; the traceback is pytest's."""
    sections = re.findall(r"^-+ racecheck -+\n(.*?)^[_=]{20}", text, re.MULTILINE | re.DOTALL)
    summary = text.partition("== racecheck ==")[2].partition("\n-")[0]
    assert len(sections) == 9
    for section in [*sections, summary]:
        assert "race" in section
        assert not re.search("[\x00\x07\x1b\u2028\u202e]", section)
    annotations = [line for line in text.splitlines() if line.startswith("::error")]
    assert len(annotations) >= 9
    assert max(map(len, annotations)) < 20_000


def _page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search("[\x00\x07\x1b\u2028\u202e]", text)
    assert len(text) < 3_000_000
    page = Page(text)
    assert [script.get("type") for tag, script in page.elements if tag == "script"] == [*["application/json"] * 9, None]
    assert not any(tag == "img" for tag, _ in page.elements)
    for script in page.scripts[:-1]:
        json.loads(script)


def _junit(path: Path, number: int) -> None:
    cases = list(ET.parse(path).iter("testcase"))
    assert len(cases) == number
    for case in cases:
        assert [each.get("value") for each in case.iter("property") if each.get("name") == "racecheck_verdict"] == [
            "race"
        ]
