"""A debugger in a controlled thread, and after a failure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

pexpect = pytest.importorskip("pexpect")

SOURCE = """
    import pytest, threading, time

    @pytest.mark.race(timeout=0.3)
    def test_it(racecheck):
        lock, done, seen, before = threading.Lock(), [], [], time.monotonic()

        def holder():
            with lock:
                done.append("one")
                done.append("two")
            done.append("three")

        def visitor():
            if lock.locked():
                seen.append(len(done))
                breakpoint()
            with lock:
                done.append("visitor")
            time.sleep(0.2)

        racecheck.run(holder, visitor)
        assert time.monotonic() - before < 0.25
        assert not seen
"""


def test_time_stands_still_at_the_prompt_and_a_step_goes_by_the_schedule(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, results: Callable[[], dict[str, Any]]
) -> None:
    pytester.makepyfile(SOURCE)
    with monkeypatch.context() as context:
        context.setenv("PYTHONBREAKPOINT", "0")
        pytester.runpytest("--racecheck-json=out.json", "--racecheck-strategy=random").assert_outcomes(failed=1)
    found = results()["test_it"]
    assert found["verdict"] == "race"

    monkeypatch.setenv("TERM", "dumb")
    session = pytester.spawn_pytest(f"--color=no --pdb --racecheck-replay={found['failure']['token']}", 60)

    def tell(command: str) -> str:
        """The answer to a command at the prompt."""
        session.sendline(command)
        session.expect(re.escape(command) + r"\r?\n")
        session.expect(r"(?=\(Pdb\) )")
        answer: str = session.before.decode()
        session.expect(r"\(Pdb\) ")
        return answer

    session.expect("PDB set_trace")
    session.expect(r"\(Pdb\) ")
    state = "p 'locked' if lock.locked() else 'free', done"
    assert "('locked', ['one'" in (before := tell(state))
    time.sleep(0.5)  # longer than the time limit
    assert tell(state) == before
    # The thread that holds the lock goes on for as long as it has to, and no longer.
    assert "-> done.append" in tell("s")
    assert "('locked', ['one', 'two'" in tell(state)
    tell("n")
    assert "'visitor']" in tell(state)
    session.sendline("c")
    # The failure that is looked at afterwards is that of the very same run.
    session.expect("assert not seen")
    session.expect("PDB post_mortem")
    session.expect(r"\(Pdb\) ")
    assert "[1]" in tell("p seen")
    assert "mine" in tell("with lock: print('mine')")
    session.sendline("q")
    session.expect(pexpect.EOF)
    assert "INTERNALERROR" not in session.before.decode()
    session.close()


def test_a_debugger_that_is_left_in_a_thread_ends_the_session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.race
        def test_it(racecheck):
            def stop():
                breakpoint()
                return 1

            racecheck.run(stop, lambda: None)

        def test_never(): raise SystemError("ran")
        """
    )
    monkeypatch.setenv("TERM", "dumb")
    session = pytester.spawn_pytest("--color=no", 60)
    session.expect(r"\(Pdb\) ")
    session.sendline("q")
    session.expect("Quitting debugger")
    session.expect(pexpect.EOF)
    assert "no tests ran" in session.before.decode()
    session.close()


def test_the_report_is_there_before_the_prompt_whoever_runs_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(SOURCE.replace("breakpoint()", "pass"))
    monkeypatch.setenv("TERM", "dumb")
    session = pytester.spawn_pytest("--color=no --pdb -p pytest_rerunfailures --racecheck-strategy=random", 60)
    session.expect(r"\(Pdb\) ")
    assert "replay: pytest" in session.before.decode()
    session.sendline("q")
    session.expect(pexpect.EOF)
    session.close()


def test_a_step_past_the_end_of_a_thread_goes_on(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.race(interleavings=2)
        def test_it(racecheck):
            def stop():
                if racecheck.interleaving == 0:
                    breakpoint()
                done.append(1)

            done = []
            racecheck.run(stop, lambda: done.append(2))
            assert sorted(done) == [1, 2]
        """
    )
    monkeypatch.setenv("TERM", "dumb")
    session = pytester.spawn_pytest("--color=no", 60)
    for _ in range(20):
        if session.expect([r"\(Pdb\) ", "IO-capturing resumed"]) == 1:
            break
        session.sendline("n")
    session.expect("1 passed")
    session.expect(pexpect.EOF)
    session.close()
