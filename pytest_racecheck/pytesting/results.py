"""The way of a result: from the item to pytest's report, with it to the session's process, and there to all readers."""

from __future__ import annotations

import os
import shutil
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pytest_racecheck.report.model import TestResult

#: The title of what racecheck adds to the report of a failing test.
SECTION: Final = "racecheck"

#: Under this key a worker of pytest-xdist tells the controller why it has nothing to run.
USAGE_ERROR: Final = "racecheck_usage_error"

#: What JUnit's XML and others get to know of a result.
PROPERTIES: Final = ("racecheck_verdict", "racecheck_interleavings", "racecheck_seed", "racecheck_token")


def attach(item: pytest.Item, report: pytest.TestReport, result: TestResult) -> None:
    """Put a result on a report, as plain data: it may have to travel to another process (pytest-xdist).

    What matters most is among the properties as well, which JUnit's XML and others take over.
    """
    report.racecheck = result.to_json()  # type: ignore[attr-defined]
    properties: list[tuple[str, object]] = [
        ("racecheck_verdict", result.verdict),
        ("racecheck_interleavings", result.interleavings),
        ("racecheck_seed", result.seed),
    ]
    if result.failure is not None and result.failure.token:
        properties.append(("racecheck_token", result.failure.token))
    # Those of the item are for the report of the teardown: the one that JUnit's XML is made from.
    for kept in (report.user_properties, item.user_properties):
        kept[:] = [each for each in kept if each[0] not in PROPERTIES] + properties


def _add_text(config: pytest.Config, report: pytest.TestReport, result: TestResult) -> None:
    """What a person reads below the traceback, as wide as the terminal of this process."""
    from pytest_racecheck.report.text import render_failure, render_title

    width = shutil.get_terminal_size().columns
    if config.pluginmanager.has_plugin("terminalreporter"):
        width = config.get_terminal_writer().fullwidth
    verbosity, encoding = config.get_verbosity(), _encoding()
    result = replace(result, nodeid=_from_here(config, result.nodeid))  # for the command that replays it
    text = render_failure(result, width, verbosity, encoding)
    if not text:
        return
    failure: Any = report.longrepr
    if hasattr(failure, "addsection"):
        # Part of the failure: --show-capture=no doesn't hide it, JUnit has it.
        failure.addsection(SECTION, text, "-")
        coloured = render_failure(result, width, verbosity, encoding, colour=True)
        failure.toterminal = _Shown(failure, render_title(result, width, encoding), text, coloured)
    else:
        report.sections.append((SECTION, text))


def _from_here(config: pytest.Config, nodeid: str) -> str:
    """What a test is called on a command line in the folder that pytest was called in."""
    path, colons, rest = nodeid.partition("::")
    file = config.rootpath / path
    return f"{os.path.relpath(file, config.invocation_params.dir)}{colons}{rest}" if file.exists() else nodeid


class _Shown:
    """In place of ``toterminal`` of a failure: what happened comes first, and racecheck's section has colours.

    The section itself stays plain text, for all who read it elsewhere: files, other plugins.
    """

    def __init__(self, failure: Any, title: str, text: str, coloured: str) -> None:
        self._failure = failure
        self._show = failure.toterminal
        self._title = title
        self._text = text
        self._coloured = coloured

    def __call__(self, writer: Any) -> None:
        for line in self._title.splitlines():
            writer.line(line, bold=True, red=True)
        plain = self._failure.sections
        if writer.hasmarkup:
            section = (SECTION, self._text, "-")
            self._failure.sections = [(SECTION, self._coloured, "-") if each == section else each for each in plain]
        try:
            self._show(writer)
        finally:
            self._failure.sections = plain


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


class Results:
    """Collects the results of a session where its reports arrive, and writes what is to be written at its end."""

    def __init__(self, config: pytest.Config, json_path: Path | None, html_path: Path | None) -> None:
        self._config = config
        self._json_path = json_path
        self._html_path = html_path
        self._plain: list[dict[str, Any]] = []
        self._gil: list[dict[str, Any]] = []
        self._why_not: dict[str, list[str]] = {}
        self._said: dict[str, str] = {}  # by pytest, of an exception
        self._with_text: weakref.WeakSet[pytest.TestReport] = weakref.WeakSet()
        self._unwritten: list[str] = []

    @pytest.hookimpl(tryfirst=True)  # before anyone who shows or keeps the report
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A report has come, from this process or from a worker."""
        self._gil += getattr(report, "racecheck_gil", ())
        why_not = getattr(report, "racecheck_why_not", None)
        if why_not is not None:
            self._why_not.setdefault(why_not, []).append(report.nodeid)
        data = getattr(report, "racecheck", None)
        if data is None:
            return
        self._plain.append(data)
        if report.outcome != "passed":
            self._said[data["nodeid"]] = str(getattr(getattr(report.longrepr, "reprcrash", None), "message", ""))
            self._add_text_once(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, report: object) -> None:
        """A debugger shows the report before its prompt, which may be before it has come here (rerunfailures)."""
        if isinstance(report, pytest.TestReport) and report.outcome != "passed":
            self._add_text_once(report)

    def _add_text_once(self, report: pytest.TestReport) -> None:
        data = getattr(report, "racecheck", None)
        if data is not None and report not in self._with_text:
            from pytest_racecheck.report.model import TestResult

            self._with_text.add(report)
            _add_text(self._config, report, TestResult.from_json(data))

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker can't end the session with a usage error; it leaves the text to be raised here."""
        message = getattr(node, "workeroutput", {}).get(USAGE_ERROR)
        if message is not None:
            raise pytest.UsageError(message)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The files are written also when the session was stopped."""
        for path, write in ((self._json_path, self._write_json), (self._html_path, self._write_page)):
            try:
                if path is not None:
                    write(path)
            except OSError as error:  # which passed at the start: told at the end, and the session fails
                self._unwritten.append(f"error: {path} can't be written: {error.strerror or error}")
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write_json(self, path: Path) -> None:
        from pytest_racecheck.report.json_file import write

        write(path, self._plain, self._gil)

    def _write_page(self, path: Path) -> None:
        from pytest_racecheck.report.html import page
        from pytest_racecheck.report.json_file import document

        page.write(path, document(self._plain, self._gil), self._said)

    @pytest.hookimpl(optionalhook=True)  # of pytest-html
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """A table of the verdicts, with a link to the page."""
        if self._plain:
            from pytest_racecheck.report.html import page

            target = self._config.getoption("htmlpath", None)
            prefix.append(page.summary(self._plain, self._html_path, Path(target).parent if target else None))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """A section of its own, if marked tests were run; and annotations, where GitHub runs them."""
        verbosity = terminalreporter.config.get_verbosity()
        self._show_others(terminalreporter, verbosity)
        if not self._plain:
            return
        from pytest_racecheck.pytesting.suppressed import can_tell
        from pytest_racecheck.report.model import TestResult
        from pytest_racecheck.report.summary import render_summary

        results = [TestResult.from_json(data) for data in self._plain]
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from pytest_racecheck.report.annotations import workflow_commands

            roots = [os.environ.get("GITHUB_WORKSPACE") or self._config.rootpath, self._config.rootpath]
            for text in workflow_commands(results, [Path(root) for root in roots], _encoding()):
                terminalreporter.write_line(text)
        if verbosity < -1:
            return
        if not self._why_not or verbosity < 0:
            terminalreporter.write_sep("=", SECTION)
        suppressions = self._config.getini("racecheck_suppressions") if can_tell(self._config, results) else ()
        for line in render_summary(results, verbosity, _encoding(), suppressions or ()):
            terminalreporter.write_line(line.text, **line.markup)

    def _show_others(self, terminalreporter: pytest.TerminalReporter, verbosity: int) -> None:
        """Files that could not be written, measurements, and tests that were not explored."""
        for text in self._unwritten:
            terminalreporter.write_line(text, red=True)
        if self._gil:
            from pytest_racecheck.pytesting.gil_summary import show

            show(terminalreporter, self._gil, _encoding())
        if self._why_not and verbosity >= 0:
            from pytest_racecheck.report.summary import render_unexplored

            terminalreporter.write_sep("=", SECTION)
            for text in render_unexplored(self._why_not, verbosity, _encoding()):
                terminalreporter.write_line(text)
