"""The engine neither hangs nor alters the outcome, whatever threads do beside their work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.engine import robust_programs
from tests.engine.test_blocking import outcomes

if TYPE_CHECKING:
    from pathlib import Path

CAPTURED = """
import threading
import pytest

@pytest.mark.race(interleavings=10)
def test_print() -> None:
    threads = [threading.Thread(target=print, args=("from " + name,)) for name in "ab"]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert {failing}, "planted"
"""

INTERRUPTED = """
import threading
import pytest

@pytest.mark.race
def test_interrupted() -> None:
    threading.Thread(target=int).start()
    raise KeyboardInterrupt

def test_never_run() -> None: ...
"""


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def modules_to_import(pytester: pytest.Pytester) -> Path:
    pytester.syspathinsert()
    pytester.makepyfile(
        imported_locks="import threading\nLOCK = threading.Lock()\n",
        imported_second="import imported_locks\nwith imported_locks.LOCK:\n    VALUE = sum(range(10))\n",
        imported_first="import imported_second\nVALUE = imported_second.VALUE\n",
    )
    return pytester.path


@pytest.mark.usefixtures("modules_to_import")
def test_programs_do_what_they_do_without_racecheck(pytester: pytest.Pytester) -> None:
    found = outcomes(pytester, robust_programs.__file__, "--racecheck-timeout=30")
    plain = found.pop("plain")
    wrong = {}
    for name, (verdict, _) in found.items():
        expected = ("race",) if "bug" in name else ("serial-failure",) if "raised" in name else ("passed", "proved")
        if verdict not in expected:
            wrong[name] = verdict
    assert wrong == {}
    assert len(found) == 32
    failing = [name for name in found if "bug" in name or "raised" in name]
    assert plain[0] == str(34 - len(failing))


@pytest.mark.parametrize("mode", ["fd", "sys", "no", "tee-sys"])
def test_what_threads_print_is_captured_as_ever(pytester: pytest.Pytester, mode: str) -> None:
    for failing in (False, True):
        pytester.makepyfile(CAPTURED.format(failing=not failing))
        result = pytester.runpytest_inprocess("-p", "racecheck", f"--capture={mode}", "-p", "no:cacheprovider")
        result.assert_outcomes(passed=not failing, failed=failing)
        shown = result.outlines.count("from a")
        assert shown >= 1 if mode in ("no", "tee-sys") else shown == failing


def test_keyboard_interrupt_in_the_main_thread_ends_the_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(INTERRUPTED)
    result = pytester.runpytest_inprocess("-p", "racecheck", "-p", "no:cacheprovider", no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*", "*no tests ran*"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that fork here")
def test_handlers_of_others_that_run_around_a_fork(pytester: pytest.Pytester) -> None:
    """In the child, nobody is there who could let the thread go on."""
    pytester.makepyfile(
        """
        import os, threading
        import pytest

        class Forks:
            count = 0

            @classmethod
            def add(cls):
                cls.count += 1
                cls.count += 1

        # Before racecheck registers its own: it does so when the first marked test begins.
        os.register_at_fork(before=Forks.add, after_in_parent=Forks.add, after_in_child=Forks.add)

        @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
        @pytest.mark.race(interleavings=20)
        def test_fork():
            def fork():
                child = os.fork()
                if not child:
                    os._exit(0)
                os.waitpid(child, 0)

            threads = [threading.Thread(target=each) for each in (fork, Forks.add)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """
    )
    result = pytester.runpytest_subprocess("-p", "racecheck", "--racecheck-timeout=10", timeout=60)
    result.assert_outcomes(passed=1)
