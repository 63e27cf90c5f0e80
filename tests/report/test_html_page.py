"""The page as a text: what is in it, and that nothing else gets in."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("jinja2")

from pytest_racecheck.report.html.page import render, summary, write
from pytest_racecheck.report.model import CodeLine, Coverage, Finding, FindingSite, OrderedPair
from tests.report import sessions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Engine

_VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """Elements with their attributes, the text that is seen, the text of scripts; fails where tags don't match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._seen: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self._seen.append(" ")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts[-1] += data
        elif self._open[-1:] != ["style"]:
            self._seen.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._seen).split())

    def of_class(self, name: str) -> list[str]:
        return [tag for tag, attributes in self.elements if name in (attributes.get("class") or "").split()]


def page_of(*results: Any, said: dict[str, str] | None = None) -> Page:
    return Page(render(sessions.of(*results), said or {}))


def test_everything_about_a_race(engine: Engine) -> None:
    result = sessions.race(engine)
    assert result.failure is not None
    page = page_of(result, sessions.passing(), said={result.nodeid: "AssertionError: below zero\nassert -50 >= 0"})
    for text in (
        "2 tests, ",
        "test_bank.py::test_race",
        "race: balance went below zero; 1 preemption is enough",
        "AssertionError: below zero assert -50 >= 0",
        "Can it strike here? under the GIL: ",
        "if self.balance >= amount:",
        "read balance: 100",
        "write balance: 100 → ",
        "↳ preempted → T2",
        "holding bank.lock",
        "Why: check-then-act on bank.balance",
        *result.failure.details,
        "holding no lock",
        f"pytest test_bank.py::test_race --racecheck-replay={result.failure.token}",
        "failed again in 10 of 10 replays",
        "proved test_bank.py::test_passes 6 4 auto",
    ):
        assert text in page.text, text
    assert page.of_class("lanes") == ["div"] * len(json.loads(page.scripts[0]))
    assert "mark" in [tag for tag, _ in page.elements]


def test_everything_about_a_deadlock(engine: Engine) -> None:
    result = sessions.deadlock(engine)
    assert result.failure is not None
    page = page_of(result)
    for text in (
        "deadlock: lock-order cycle; 1 preemption is enough",
        result.failure.message,
        "Advice Take these locks in the same order in every thread.",
        "Who waits for whom",
        "T1 holds first",
        "waits for second",
        "preempted → T2",
    ):
        assert text in page.text, text
    assert page.of_class("edge") == ["path"] * 3  # main waits for T1


def test_tests_that_pass_and_their_outcomes() -> None:
    result = sessions.passing(outcomes=[("low", 1), ("high", 2)], notes=["a note"], warnings=["a warning"])
    page = page_of(result)
    assert "high 2 66.7 % low 1 33.3 %" in page.text
    assert "warning test_bank.py::test_passes a warning test_bank.py::test_passes a note" in page.text
    assert page.of_class("failure") == []
    assert "No marked test was run." in page_of().text


def test_a_condition_that_never_held_and_a_failure_without_steps() -> None:
    page = page_of(sessions.passing(sometimes=["both at once"]), sessions.failing())
    assert "never true in 6 interleavings: both at once" in page.text
    assert page.of_class("failure") == ["article"] * 2
    assert page.of_class("timeline") == []


def test_measurements_of_the_gil_are_a_table() -> None:
    session = sessions.of(sessions.passing())
    shares = {"computing": 0.25, "gil": 0.75, "locks": 0.001}
    figures = {"threads": 2, "serial": 0.5, "threaded": None, "speedup": 0.98, "ideal": 2, "cpu_use": 1.01}
    session["gil"] = [{"name": "t.py::<i>", "verdict": "GIL-bound", "shares": shares, "advice": "Use <b>.", **figures}]
    text = Page(render(session, {})).text
    assert "t.py::<i> GIL-bound 2 0.5 - 0.98 2.0 1.01 computing 25 %, waiting for the GIL 75 % Use <b>." in text


def test_what_the_detectors_found() -> None:
    sites = [FindingSite("T1", "work", "write", "/src/it.py", 3, "box.value")]
    found = Finding(
        "lock-order", "a", "a and b are taken in both orders.", sites, harmless="one thread", suppressed="x:*"
    )
    loud = Finding("data-race", "x", "x is written twice.")
    page = page_of(sessions.passing(findings=[found, loud]))
    text = page.text
    assert "Found besides data-race test_bank.py::test_passes x is written twice. 1 that is harmless" in text
    assert "details" in [tag for tag, _ in page.elements]
    assert "lock-order test_bank.py::test_passes a and b are taken in both orders. only a note: one thread" in text
    assert "suppressed by x:* T1 wrote at /src/it.py:3 box.value" in text


def test_the_orders_in_which_lines_were_seen() -> None:
    lines = CodeLine("/src/a.py", 1, "x = 1"), CodeLine("/src/a.py", 2, "return x")
    pairs = [OrderedPair("x", *lines, False), OrderedPair("y", *lines, True)]
    text = page_of(sessions.passing(coverage=Coverage(4, 1, 1, pairs))).text
    assert "1 pair seen in both orders, 1 in one order only (in 4 of 6 interleavings)" in text
    assert "x: x = 1 /src/a.py:1 only before return x /src/a.py:2" in text
    assert "y: " not in text


def test_nothing_is_fetched_from_elsewhere(engine: Engine) -> None:
    text = render(sessions.of(sessions.race(engine), sessions.deadlock(engine)), {})
    page = Page(text)
    assert not [attributes for _, attributes in page.elements if "src" in attributes]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in page.elements)
    assert "@import" not in text
    assert set(re.findall(r"url\([^)]*\)", text)) == {"url(#test-2-arrow)"}


HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028\u2029\u202e\x1b[31m\x00\udc80'\"&{{ 7*7 }}`"
)


def test_no_value_gets_in_as_markup() -> None:
    steps = [
        step
        for n in (1, 2)
        for step in [
            sessions.step(n, f"T{n}", n, resource=HOSTILE, before=HOSTILE, after=HOSTILE, code=HOSTILE, holds=[HOSTILE])
        ]
    ]
    steps[0].switch = f"blocked on {HOSTILE}"
    result = sessions.failing(
        *steps, nodeid=HOSTILE, message=HOSTILE, cause=HOSTILE, details=[HOSTILE], clash_on=HOSTILE
    )
    assert result.failure is not None
    result.failure.threads[0].name = HOSTILE
    result.notes.append(HOSTILE)
    result.outcomes.append((HOSTILE, 1))
    text = render(sessions.of(result), {HOSTILE: HOSTILE})
    text.encode()
    assert not re.search("[\x00\x1b\u2028\u2029\u202e\udc80]", text)
    page = Page(text)
    assert [attributes.get("type") for tag, attributes in page.elements if tag == "script"] == [
        "application/json",
        None,
    ]
    assert not any(tag == "img" or "onerror" in attributes for tag, attributes in page.elements)
    assert "{{ 7*7 }}" in page.text
    assert "49" not in page.text
    assert page.text.count("<img src=x onerror=alert(2)>") > 10
    (level,) = json.loads(page.scripts[0])
    assert "</script>" in str(level)
    assert not {*"<>&"} & {*page.scripts[0]}
    text = summary([result.to_json()], None, None)
    assert {tag for tag, _ in Page(text).elements} <= {"div", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}


def test_a_long_run_is_cut_at_its_beginning() -> None:
    page = page_of(sessions.long_run(5_000))
    assert [len(level) for level in json.loads(page.scripts[0])] == [300, 1000, 2000]
    assert "… 3000 earlier lines" in page.text
    assert "-v shows" not in page.text
    endless = page_of(sessions.failing(), said={"test_it.py::test_it": "x" * 1_000_000 + "\n" * 1_000})
    assert len(endless.text) < 10_000


def test_it_is_written_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "page.html"
    write(path, sessions.of(), {})
    before = path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="nodeid is missing"):
        write(path, {**sessions.of(), "tests": [{}]}, {})
    assert path.read_text(encoding="utf-8") == before
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]
