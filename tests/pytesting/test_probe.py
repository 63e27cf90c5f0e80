"""A racecheck that sees nothing says so, and a test in which nothing can go wrong is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_racecheck.instrument import monitoring, tracing
from pytest_racecheck.pytesting import probe

MARKED = """
    import threading
    import pytest

    @pytest.mark.race
    def test_it():
        {body}
"""


def test_it_is_not_blind_here() -> None:
    assert probe.blindness() is None


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instrumentation opens, and never tells of an access."""

    def deaf(original: Callable[..., None]) -> Callable[..., None]:
        def open_(self: Any, scope: object, listener: object, opportunity: object) -> None:
            original(self, scope, lambda *_: None, opportunity)

        return open_

    for backend in (monitoring.Monitoring, tracing.Tracing):
        monkeypatch.setattr(backend, "open", deaf(backend.open))


@pytest.mark.usefixtures("blind")
def test_blindness_is_told_with_its_circumstances() -> None:
    reason = probe.blindness()
    assert reason is not None
    assert "racecheck is blind here" in reason
    assert "It runs on 3." in reason


@pytest.mark.usefixtures("blind")
def test_a_blind_session_stops_with_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED.format(body="pass"))
    result = pytester.runpytest_inprocess("-p", "racecheck")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["*racecheck is blind here: it does not find the race*"])
    result.assert_outcomes()


def test_a_blind_worker_says_so_for_each_marked_test(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makeconftest(
        """
        from pytest_racecheck.pytesting import probe
        probe.blindness = lambda: "racecheck is blind here: for a test"
        """
    )
    pytester.makepyfile(MARKED.format(body="pass") + "\n    def test_plain(): pass\n")
    result = pytester.runpytest_subprocess("-p", "racecheck", "-p", "xdist", "-n1")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["racecheck is blind here: for a test"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.usefixtures("blind")
def test_a_session_without_marked_tests_does_not_care(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest_inprocess("-p", "racecheck").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ("pass", "starts no second thread: there is nothing to interleave"),
        (
            (
                "threads = [threading.Thread(target=int) for _ in range(2)]; [t.start() for t in threads]; "
                "[t.join() for t in threads]"
            ),
            "has one interleaving only: its threads touch nothing in common, or never run at the same time",
        ),
    ],
)
def test_a_test_in_which_nothing_can_go_wrong_is_told(pytester: pytest.Pytester, body: str, warning: str) -> None:
    pytester.makepyfile(MARKED.format(body=body))
    result = pytester.runpytest("-p", "racecheck")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"warning: *::test_it {warning}"])


def test_threads_that_share_something_are_no_reason_to_warn(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MARKED.format(
            body="lock, made = threading.Lock(), []\n"
            "        def work():\n"
            "            with lock: made.append(1)\n"
            "        threads = [threading.Thread(target=work) for _ in range(2)]\n"
            "        for t in threads: t.start()\n"
            "        for t in threads: t.join()"
        )
    )
    result = pytester.runpytest("-p", "racecheck", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("warning:*")
    result.stdout.fnmatch_lines(["proved  *::test_it: all 2 inequivalent interleavings pass"])
