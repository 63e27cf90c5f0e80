"""time-machine, which reaches into what it takes for functions in C."""

from __future__ import annotations

import pytest

pytest.importorskip("time_machine")

SOURCE = """
    import datetime, threading, time
    import pytest
    import time_machine

    def now():
        return [datetime.datetime.now().year, datetime.date.today().year, time.gmtime(time.time()).tm_year]

    def together(*functions):
        threads = [threading.Thread(target=function) for function in functions]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

    def test_not_explored():
        with time_machine.travel("1999-01-02 00:00 +0000", tick=False):
            assert now() == [1999] * 3
        assert 1999 not in now()

    @pytest.mark.race(interleavings=5)
    def test_threads():
        found = []
        with time_machine.travel("1999-01-02 00:00 +0000", tick=False):
            together(*[lambda: found.append(now())] * 2)
        assert found == [[1999] * 3] * 2
        assert 1999 not in now()

    @pytest.mark.race(interleavings=5)
    def test_virtual_time_passes():
        with time_machine.travel("1999-01-02 00:00 +0000"):
            before = time.time()
            together(lambda: time.sleep(100), lambda: time.sleep(50))
            assert 100 <= time.time() - before < 101

    def test_afterwards():
        assert 1999 not in now()
"""


@pytest.mark.parametrize("options", [["-p", "racecheck"], ["-p", "time_machine", "-p", "racecheck"]])
def test_it_travels(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(SOURCE)
    pytester.runpytest_subprocess(*options, "-p", "no:randomly").assert_outcomes(passed=4)
