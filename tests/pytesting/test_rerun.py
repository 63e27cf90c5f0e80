"""One item, N interleavings: fresh function-scoped fixtures for each, wider ones kept, and one report."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("plain_engine")

COUNTING = """
    import pytest
    from collections import Counter

    calls = Counter()

    def count(name):
        calls[name] += 1
        return calls[name]
"""


def run(pytester: pytest.Pytester, source: str, *args: str) -> pytest.RunResult:
    """Run a test module that starts with ``COUNTING``."""
    pytester.makepyfile(pytester_module=COUNTING)
    pytester.makepyfile(f"from pytester_module import *\n{_dedent(source)}")
    return pytester.runpytest(*args)


def _dedent(source: str) -> str:
    import textwrap

    return textwrap.dedent(source)


def test_function_scoped_fixtures_are_fresh_and_wider_ones_are_kept(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture(scope="session")
        def session():
            count("session up"); yield []; count("session down")

        @pytest.fixture(scope="module")
        def module(session):
            count("module up"); yield []; count("module down")

        @pytest.fixture(scope="class", autouse=True)
        def klass():
            count("class up"); yield; count("class down")

        @pytest.fixture(autouse=True)
        def automatic():
            count("auto up"); yield; count("auto down")

        @pytest.fixture
        def fresh(module, session):
            count("fresh up"); yield []; count("fresh down")

        @pytest.fixture
        def plain(fresh, request):
            request.addfinalizer(lambda: count("finalizer"))
            return fresh

        class TestKlass:
            @pytest.mark.race(interleavings=7)
            def test_it(self, plain, module, session):
                assert plain == [] and not hasattr(self, "mine")
                self.mine = 1
                plain.append(1); module.append(1); session.append(1)
                assert len(module) == len(session) == count("body")

        def test_afterwards():
            assert calls == {
                "body": 7, "auto up": 8, "auto down": 7, "fresh up": 7, "fresh down": 7, "finalizer": 7,
                "session up": 1, "module up": 1, "class up": 2, "class down": 1,
            }
        """,
    )
    result.assert_outcomes(passed=2)


def test_pytest_itself_sees_one_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import collections
        seen = collections.Counter()
        def pytest_runtest_setup(item): seen["setup"] += 1
        def pytest_runtest_call(item): seen["call"] += 1
        def pytest_runtest_teardown(item): seen["teardown"] += 1
        def pytest_runtest_logreport(report): seen["report " + report.when] += 1
        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"seen {sorted(seen.items())}")
        """
    )
    result = run(pytester, "@pytest.mark.race\ndef test_it(): pass")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["seen [[]('call', 1), ('report call', 1), ('report setup', 1), ('report teardown', 1), ('setup', 1), *"]
    )


def test_who_calls_the_function_in_place_of_pytest_does_so_in_each_interleaving(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        called = []

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            called.append(pyfuncitem.name)
            return True if pyfuncitem.name == "test_instead" else None

        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(" ".join(called))
        """
    )
    result = run(
        pytester,
        """
        @pytest.mark.race(interleavings=3)
        def test_it(): pass

        @pytest.mark.race(interleavings=2)
        def test_instead(): assert False
        """,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["test_it test_it test_it test_instead test_instead"])


def test_pytest_is_told_of_what_the_function_returns(pytester: pytest.Pytester) -> None:
    source = """
        {}
        def test_it(tmp_path):
            assert tmp_path.exists()
            return 1
        """
    marked, plain = (run(pytester, source.format(mark), "-Wdefault") for mark in ("@pytest.mark.race", ""))
    assert marked.parseoutcomes() == plain.parseoutcomes()
    assert plain.parseoutcomes().keys() & {"warnings", "warning", "failed"}, "which of them depends on pytest's version"
    marked.stdout.fnmatch_lines(["*return* None*"])


@pytest.mark.parametrize(
    ("when", "phase", "title"),
    [("up", "call", "FAILURES"), ("body", "call", "FAILURES"), ("down", "call", "FAILURES")],
)
def test_a_failure_in_a_later_interleaving_is_the_failure_of_the_test(
    pytester: pytest.Pytester, when: str, phase: str, title: str
) -> None:
    result = run(
        pytester,
        f"""
        @pytest.fixture
        def fixture():
            assert count("up") < 4 or "{when}" != "up", "in up"
            yield
            assert count("down") < 3 or "{when}" != "down", "in down"

        @pytest.mark.race
        def test_it(fixture):
            assert count("body") < 4 or "{when}" != "body", "in body"

        def test_next(fixture): pass
        """,
    )
    assert result.parseoutcomes()["failed"] == 1
    assert "errors" not in result.parseoutcomes() or when != "body"
    result.stdout.fnmatch_lines([f"*= {title} =*", f"E       AssertionError: in {when}", "*race *at interleaving*"[:7]])


def test_failures_of_the_first_set_up_and_of_the_last_tear_down_are_errors_as_ever(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def broken(): raise ValueError("no set-up")

        @pytest.fixture
        def leaves():
            yield
            if count("down") == 5: raise ValueError("no tear-down")

        @pytest.mark.race
        def test_up(broken): pass

        @pytest.mark.race(interleavings=5)
        def test_down(leaves): pass
        """,
    )
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*ERROR at setup of test_up*", "*no set-up", "*ERROR at teardown of test_down*"])


def test_parameters_direct_indirect_and_of_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture(params=["a", "b"])
        def letter(request):
            return [request.param]

        @pytest.fixture(scope="module", params=[1, 2])
        def wide(request):
            count(f"wide {request.param}")
            yield request.param
            count(f"wide {request.param} gone")

        @pytest.fixture
        def doubled(request):
            return request.param * 2

        @pytest.mark.race(interleavings=3)
        @pytest.mark.parametrize("x", [10, 20])
        @pytest.mark.parametrize("doubled", [5], indirect=True)
        def test_it(letter, wide, x, doubled):
            assert letter in (["a"], ["b"]) and doubled == 10
            letter.append(x)
            count("body")

        def test_afterwards():
            assert calls == {"body": 24, "wide 1": 1, "wide 2": 1, "wide 1 gone": 1}
        """,
    )
    result.assert_outcomes(passed=9)


def test_a_wider_fixture_changes_its_parameter_outside_of_control(pytester: pytest.Pytester, plain_engine: Any) -> None:
    pytester.makeconftest(
        """
        import pytest
        from pytest_racecheck.pytesting import explored

        def controlled(): return explored.Explorer.controlled

        @pytest.fixture(scope="session", params=[1, 2])
        def wide(request):
            assert not controlled()
            yield
            assert not controlled()

        @pytest.fixture(scope="module")
        def dynamic():
            assert not controlled()
            yield
            assert not controlled()

        @pytest.fixture
        def own(wide, request):
            assert controlled()
            request.getfixturevalue("dynamic")
            assert controlled()
            yield
            assert controlled()

        def pytest_runtest_setup(item): assert not controlled()
        def pytest_runtest_call(item): assert not controlled()
        def pytest_runtest_teardown(item): assert not controlled()
        def pytest_runtest_makereport(item): assert not controlled()
        def pytest_runtest_logreport(report): assert not controlled()
        """
    )
    result = run(
        pytester,
        """
        from pytest_racecheck.pytesting import explored

        @pytest.mark.race(interleavings=3)
        def test_it(own, request):
            assert explored.Explorer.controlled
            def last():
                assert explored.Explorer.controlled
            request.addfinalizer(last)
        """,
    )
    result.assert_outcomes(passed=2)
    assert len(plain_engine.opened) == 2


def test_dynamic_fixtures_and_usefixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture
        def late():
            count("late"); yield count("late value"); count("late gone")

        @pytest.fixture
        def used(): count("used")

        @pytest.mark.race(interleavings=4)
        @pytest.mark.usefixtures("used")
        def test_it(request):
            assert request.getfixturevalue("late") == count("body")

        def test_afterwards():
            assert calls == dict.fromkeys(["late", "late value", "late gone", "body", "used"], 4)
        """,
    )
    result.assert_outcomes(passed=2)


def test_xunit_methods(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def setup_module(): count("setup_module")
        def setup_function(): count("setup_function")
        def teardown_function(): count("teardown_function")

        @pytest.mark.race(interleavings=3)
        def test_it(): count("body")

        @pytest.mark.race(interleavings=3)
        class TestKlass:
            def setup_class(cls): count("setup_class")
            def setup_method(self): self.value = count("setup_method")
            def teardown_method(self): count("teardown_method"); assert self.value == calls["setup_method"]
            def test_it(self): assert self.value == count("method body")

        def test_afterwards():
            assert calls == {
                "setup_module": 1, "setup_function": 4, "teardown_function": 3, "body": 3, "setup_class": 1,
                "setup_method": 3, "teardown_method": 3, "method body": 3,
            }
        """,
    )
    result.assert_outcomes(passed=3)


def test_skip_xfail_and_exit_end_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import unittest

        @pytest.mark.race
        def test_skip():
            if count("skip") == 3: pytest.skip("not now")

        @pytest.mark.race
        def test_xfail():
            if count("xfail") == 3: pytest.xfail("known")

        @pytest.mark.race
        def test_unittest_skip():
            raise unittest.SkipTest("not here")

        @pytest.mark.race
        @pytest.mark.skip(reason="never")
        def test_marked_skip(): count("never")

        @pytest.mark.race
        @pytest.mark.xfail(run=False)
        def test_not_run(): count("never")

        def test_afterwards():
            assert calls == {"skip": 3, "xfail": 3}
        """,
        "-rs",
    )
    result.assert_outcomes(passed=1, skipped=3, xfailed=2)
    result.stdout.fnmatch_lines(["SKIPPED * not now", "SKIPPED * not here"], consecutive=False)


def test_xfail_strict(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.race
        @pytest.mark.xfail(strict=True, raises=AssertionError)
        def test_found(): assert count("found") < 100

        @pytest.mark.race
        @pytest.mark.xfail(strict=True)
        def test_not_found(): pass

        @pytest.mark.race
        def test_applied(request):
            request.applymarker(pytest.mark.xfail(strict=True))
            assert len(request.node.own_markers) == 2
            assert count("applied") < 50
        """,
    )
    result.assert_outcomes(xfailed=2, failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*"])


def test_exitfirst_and_last_failed(pytester: pytest.Pytester) -> None:
    source = """
        @pytest.mark.race
        def test_a(): assert count("a") < 5

        def test_b(): pass
        """
    run(pytester, source, "-x").assert_outcomes(failed=1)
    result = run(pytester, source, "--lf")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["run-last-failure: rerun previous 1 failure"])


def test_durations_show_one_call(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import time
        @pytest.mark.race(interleavings=5)
        def test_it(): time.sleep(0.01)
        """,
        "--durations=0",
        "-vv",
    )
    assert len([line for line in result.outlines if "s call" in line]) == 1


def test_setup_show_shows_one_interleaving(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.fixture(params=["p"])
        def fixture(request, capsys):
            print("from the fixture")
            return capsys

        @pytest.mark.race(interleavings=5)
        def test_it(fixture):
            print("from the body")
            assert fixture.readouterr().out == "from the fixture\\nfrom the body\\n" or count("body") == 1
        """,
        "--setup-show",
    )
    result.assert_outcomes(passed=1)
    text = result.stdout.str()
    assert text.count("SETUP    F fixture") == text.count("TEARDOWN F fixture") == 1
    result.stdout.fnmatch_lines(["*TEARDOWN F fixture?'p'?"])


def test_setup_only_runs_no_interleaving(pytester: pytest.Pytester, plain_engine: Any) -> None:
    result = run(pytester, "@pytest.mark.race\ndef test_it(tmp_path): assert False", "--setup-only")
    assert result.ret == 0
    assert not plain_engine.controlled


def test_unittest_cases(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import unittest

        @pytest.mark.race(interleavings=6)
        class TestCase(unittest.TestCase):
            @classmethod
            def setUpClass(cls): count("setUpClass")
            def setUp(self):
                assert not hasattr(self, "mine")
                self.mine = count("setUp")
            def tearDown(self): assert self.mine == count("tearDown")
            def test_good(self): self.addCleanup(count, "cleanup")
            def test_bad(self): self.assertLess(count("bad"), 4)
            def test_skip(self):
                if count("skip") == 2: self.skipTest("enough")
            def test_subtests(self):
                for n in range(3):
                    with self.subTest(n=n): self.assertFalse(n == 1 and count("subtest") == 3)
            @unittest.expectedFailure
            def test_expected(self): self.assertLess(count("expected"), 3)
            @unittest.expectedFailure
            def test_unexpected(self): pass

        def test_afterwards():
            assert calls == {
                "setUpClass": 1, "setUp": 6 + 4 + 2 + 3 + 3 + 6, "tearDown": 6 + 4 + 2 + 3 + 3 + 6,
                "cleanup": 6, "bad": 4, "skip": 2, "subtest": 3, "expected": 3,
            }
        """,
    )
    result.assert_outcomes(passed=2, failed=3, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*AssertionError: 4 not less than 4", "*Unexpected success*"], consecutive=False)


@pytest.mark.skipif(int(pytest.__version__.partition(".")[0]) < 9, reason="subtests came with pytest 9")
def test_the_subtests_fixture(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        @pytest.mark.race(interleavings=5)
        def test_good(subtests):
            for n in range(3):
                with subtests.test(n=n): pass

        @pytest.mark.race
        def test_bad(subtests):
            with subtests.test("first"): assert count("first") < 4, "the first subtest"
            with subtests.test("second"): assert count("second") < 4
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: the first subtest"])


def test_doctests_are_left_alone_unless_all_tests_are_meant(pytester: pytest.Pytester, plain_engine: Any) -> None:
    pytester.makepyfile(
        example='''
        value = [1]

        def f():
            """
            >>> print(value)
            [1]
            >>> value = [2]
            """
        '''
    )
    pytester.runpytest("--doctest-modules").assert_outcomes(passed=1)
    assert not plain_engine.opened
    result = pytester.runpytest("--doctest-modules", "--racecheck-all", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 test, 200 interleavings *"])


def test_all_treats_every_test_as_marked_but_leaves_what_cannot_be(
    pytester: pytest.Pytester, plain_engine: Any
) -> None:
    result = run(
        pytester,
        """
        def test_plain(): pass

        @pytest.mark.skip(reason="no plugin for it")
        async def test_async(): pass
        """,
        "--racecheck-all",
    )
    result.assert_outcomes(passed=1, skipped=1)
    assert [nodeid.rpartition("::")[2] for nodeid in plain_engine.opened] == ["test_plain"]


def test_pdb_stops_in_the_failing_interleaving_while_it_is_set_up(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from _pytest import debugging

        @pytest.fixture(autouse=True)
        def no_prompt(monkeypatch):
            def post_mortem(failure):
                traceback = failure if hasattr(failure, "tb_next") else failure.__traceback__
                while traceback.tb_next: traceback = traceback.tb_next
                values = traceback.tb_frame.f_locals
                with open("seen", "w") as file: file.write(f"{values['resource']} {values['number']}")
            monkeypatch.setattr(debugging, "post_mortem", post_mortem)
        """
    )
    result = run(
        pytester,
        """
        @pytest.fixture
        def resource():
            opened = ["open"]
            yield opened
            opened[:] = ["closed"]

        @pytest.mark.race
        def test_it(resource):
            number = count("body")
            assert number < 3
        """,
        "--pdb",
    )
    result.assert_outcomes(failed=1)
    assert (pytester.path / "seen").read_text() == "['open'] 3"


def test_threads_run_the_body_at_once(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import threading

        @pytest.fixture
        def shared(): return []

        @pytest.mark.race(interleavings=2, threads=3)
        def test_it(shared):
            shared.append(threading.current_thread().name)
            count("body")

        @pytest.mark.race(threads=2)
        def test_bad(shared):
            mine = 5
            assert mine == 6

        def test_afterwards(): assert calls == {"body": 6}
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([">       assert mine == 6", "E       assert 5 == 6"])
    assert "pytest_racecheck" not in result.stdout.str()


def test_the_traceback_starts_in_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def helper(): raise ValueError("deep down")

        @pytest.mark.race
        def test_main(): helper()

        @pytest.mark.race
        def test_thread(racecheck): racecheck.run(helper)
        """,
        "--tb=short",
    )
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "pytesting" not in text
    assert "threading.py" not in text
    assert text.count("E   ValueError: deep down") == 2


def test_hooks_for_other_plugins(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        registry = []

        def pytest_racecheck_reset(item):
            assert item.name == "test_it"
            registry.clear()

        def pytest_racecheck_result(item, result):
            result.notes.append(f"{result.interleavings} of {item.name}")
        """
    )
    result = run(
        pytester,
        """
        from conftest import registry

        @pytest.mark.race(interleavings=4)
        def test_it():
            assert not registry
            registry.append(1)
        """,
        "-v",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*4 of test_it"])
