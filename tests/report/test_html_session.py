"""The page as a session writes it, the properties for JUnit's XML, and the section for pytest-html."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.report.test_html_page import Page

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
    import sys, pytest

    class Box:
        value = 0
        def add(self):
            self.value += 1

    @pytest.mark.race
    def test_bad(racecheck, record_property):
        record_property("mine", racecheck.interleaving)
        box = Box()
        racecheck.run(box.add, box.add)
        assert box.value == 2, "lost one"

    @pytest.mark.race(interleavings=7, seed=5, strategy="random")
    def test_good(racecheck, record_property, request):
        request.addfinalizer(lambda: record_property("last", 1))

    def test_plain(): pass
"""


@pytest.fixture(autouse=True)
def only_racecheck(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p racecheck -p no:cacheprovider")
    pytester.makepyfile(SOURCE)


def page(path: Path) -> str:
    return Page(path.read_text(encoding="utf-8")).text


def properties(path: Path) -> dict[str, Counter[str]]:
    """How often each test has each property."""
    cases = ET.parse(path).iter("testcase")
    return {str(case.get("name")): Counter(str(each.get("name")) for each in case.iter("property")) for case in cases}


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n2")])
def test_page_and_properties(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    if workers:
        pytest.importorskip("xdist")
    run = pytester.runpytest_subprocess if workers else pytester.runpytest
    files = ("--racecheck-html=new/page.html", "--racecheck-json=out.json", "--junitxml=junit.xml")
    result = run(*workers, *files, "-ojunit_family=xunit1")
    result.assert_outcomes(passed=2, failed=1)
    annotations = [line.partition(",title")[0] for line in result.outlines if line.startswith("::error")]
    assert annotations == ["::error file=test_page_and_properties.py,line=6"]
    text = page(pytester.path / "new" / "page.html")
    assert "2 tests, " in text
    assert "race: lost one; 1 preemption is enough AssertionError: lost one assert 1 == 2 + where 1 = <" in text
    ours = ["racecheck_verdict", "racecheck_interleavings", "racecheck_seed"]
    assert properties(pytester.path / "junit.xml") == {
        "test_bad": Counter(["mine", *ours, "racecheck_token"]),
        "test_good": Counter([*ours, "last"]),
        "test_plain": Counter(),
    }
    found = {each.get("value") for each in ET.parse(pytester.path / "junit.xml").iter("property")}
    tests = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))["tests"]
    token = next(test["failure"]["token"] for test in tests if test["failure"])
    assert {"race", "passed", "7", "5", token} <= found


def test_the_ini_twin_is_relative_to_the_root(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nracecheck_html = page.html")
    pytester.mkdir("sub").joinpath("test_it.py").write_text("def test_it(): pass")
    pytester.runpytest("sub")
    assert "No marked test was run." in page(pytester.path / "page.html")


@pytest.mark.parametrize("name", ["", "there", "file/page.html", "/proc/no/page.html", "~nobody-at-all/page.html"])
def test_a_path_that_nothing_can_be_written_to(pytester: pytest.Pytester, name: str) -> None:
    pytester.mkdir("there")
    pytester.path.joinpath("file").touch()
    result = pytester.runpytest(f"--racecheck-html={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --racecheck-html: '{name}' is not allowed (*); give the path of a file that can be written"]
    )


def test_without_the_option_nothing_of_it_is_loaded(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import sys
        def pytest_unconfigure():
            print("loaded:", {"jinja2", "pytest_racecheck.report.html"} & {*sys.modules})
        """
    )
    pytester.runpytest_subprocess("-s").stdout.fnmatch_lines(["loaded: set()"])


def test_a_section_in_the_page_of_pytest_html(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_html")
    pytester.runpytest_subprocess(
        *("-p", "pytest_html.plugin", "-p", "pytest_metadata.plugin"),
        *("--html=other/report.html", "--self-contained-html", "--racecheck-html=my page.html"),
    )
    text = (pytester.path / "other" / "report.html").read_text(encoding="utf-8")
    section = text.partition('<div class="racecheck">')[2].partition("</div>")[0]
    assert '<a href="../my%20page.html">' in section
    assert "<td>race</td>" in section
    assert "<td>lost update</td>" in section
    assert text.count('<div class="racecheck">') == 1
