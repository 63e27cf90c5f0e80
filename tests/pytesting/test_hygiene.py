"""Nothing leaks from one interleaving into the next, and nothing piles up."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("plain_engine")

FAILS_LATE = """
    import pytest, logging, sys

    @pytest.fixture(scope="module")
    def wide():
        print("wide set-up")

    @pytest.fixture
    def own(wide, racecheck):
        print(f"set-up {racecheck.interleaving}")
        print(f"error set-up {racecheck.interleaving}", file=sys.stderr)
        logging.warning("log set-up %s", racecheck.interleaving)
        yield
        print(f"tear-down {racecheck.interleaving}")

    @pytest.mark.race(interleavings=5)
    def test_it(own, racecheck):
        print(f"body {racecheck.interleaving}")
        logging.warning("log body %s", racecheck.interleaving)
        if racecheck.interleaving == 3:
            raise ValueError("the third")
"""


@pytest.mark.parametrize("capture", ["fd", "sys"])
def test_only_the_output_of_the_failing_interleaving_is_shown(pytester: pytest.Pytester, capture: str) -> None:
    pytester.makepyfile(FAILS_LATE)
    result = pytester.runpytest(f"--capture={capture}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Captured stdout setup*",
            "wide set-up",
            "set-up 3",
            "*Captured stderr setup*",
            "error set-up 3",
            "*Captured log setup*",
            "*log set-up 3",
            "*Captured stdout call*",
            "body 3",
            "*Captured log call*",
            "*log body 3",
            "*Captured stdout teardown*",
            "tear-down 3",
        ]
    )
    text = result.stdout.str()
    for number in (0, 1, 2):
        for what in ("set-up", "body", "tear-down"):
            assert f"{what} {number}" not in text


def test_without_capture_everything_is_shown_as_it_comes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS_LATE)
    result = pytester.runpytest("-s")
    printed = [line for line in result.outlines if line.startswith(("set-up", "body", "tear-down"))]
    expected = [f"{what} {number}" for number in range(4) for what in ("set-up", "body", "tear-down")]
    assert printed == expected[:-1]  # the last tear-down stands behind pytest's letter
    assert any(line.endswith("tear-down 3") for line in result.outlines)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-p", "no:capture"],
        ["-p", "no:logging"],
        ["-p", "no:terminal"],
        ["-p", "no:tmpdir"],
        ["-p", "no:threadexception", "-p", "no:unraisableexception"],
        ["-p", "no:warnings"],
        ["-p", "no:unittest"],
        ["-p", "no:doctest"],
        ["-p", "no:skipping"],
        ["-p", "no:subtests"],
        ["-p", "no:cacheprovider"],
        ["-W", "error"],
        ["--capture=tee-sys"],
        ["-qq"],
        ["-vv"],
        ["--tb=native"],
        ["--log-cli-level=INFO"],
    ],
    ids=" ".join,
)
def test_it_works_without_each_plugin_of_pytest(pytester: pytest.Pytester, arguments: list[str]) -> None:
    pytester.makepyfile(FAILS_LATE + "\n    def test_after(own): pass\n")
    result = pytester.runpytest(*arguments, "--junitxml=junit.xml")
    assert result.ret == 1
    junit = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert 'tests="2"' in junit
    assert 'failures="1"' in junit
    assert 'errors="0"' in junit
    assert "ValueError: the third" in junit


def test_capsys_capfd_and_caplog_see_one_interleaving(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import logging, os, pytest

        @pytest.fixture
        def talking(capsys):
            print("set-up")
            return capsys

        @pytest.mark.race(interleavings=4)
        def test_capsys(talking):
            print("body")
            assert talking.readouterr().out == "set-up\\nbody\\n"
            print("not read")

        @pytest.mark.race(interleavings=4)
        def test_capfd(capfd):
            os.write(1, b"body")
            assert capfd.readouterr().out == "body"

        @pytest.fixture
        def logging_(caplog):
            caplog.set_level(logging.DEBUG)
            logging.info("set-up")

        @pytest.mark.race(interleavings=4)
        def test_caplog(caplog, logging_):
            assert caplog.text == "" and len(caplog.get_records("setup")) == 1
            logging.debug("body")
            assert caplog.messages == ["body"] == [record.message for record in caplog.get_records("call")]
            caplog.handler.setLevel(99)
            assert logging.getLogger().level == logging.DEBUG

        def test_levels_are_back():
            assert logging.getLogger().level == logging.WARNING
        """
    )
    pytester.runpytest().assert_outcomes(passed=4)


def test_warnings_are_reported_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest, warnings

        @pytest.mark.race(interleavings=50)
        def test_it(racecheck, recwarn):
            pass

        @pytest.mark.race(interleavings=50)
        def test_many(racecheck):
            for _ in range(3):
                warnings.warn(UserWarning("in every one"))
            if racecheck.interleaving > 40:
                warnings.warn(UserWarning("only late"))

        @pytest.mark.race(interleavings=3)
        def test_shown_again():
            with warnings.catch_warnings(record=True) as log:
                warnings.warn("once for each place")
            assert len(log) == 1
        """
    )
    result = pytester.runpytest("-W", "always")
    result.assert_outcomes(passed=3, warnings=4)


def test_exceptions_of_threads_do_not_multiply(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest, threading

        class Bad:
            def __del__(self): raise RuntimeError("in del")

        @pytest.mark.race(interleavings=20)
        def test_it():
            def fail(): raise ValueError("in a thread")
            thread = threading.Thread(target=fail); thread.start(); thread.join()
            Bad()
        """
    )
    pytester.runpytest("-W", "default").assert_outcomes(passed=1, warnings=2)


def test_properties_and_finalizers_do_not_pile_up(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="session")
        def wide(request):
            yield request
            open("closed", "w").close()

        @pytest.fixture
        def own(wide):
            return []

        @pytest.mark.race(interleavings=200)
        def test_it(own, wide, request, record_property, racecheck):
            record_property("number", racecheck.interleaving)
            if racecheck.interleaving == 7:
                wide.addfinalizer(lambda: open("finalized", "w").close())
            finalizers = request._fixture_defs["wide"]._finalizers
            assert len(finalizers) <= 5
        """
    )
    result = pytester.runpytest("--junitxml=junit.xml", "-W", "default")
    result.assert_outcomes(passed=1)
    assert (pytester.path / "junit.xml").read_text(encoding="utf-8").count('name="number" value="199"') == 1
    assert (pytester.path / "closed").exists()
    assert (pytester.path / "finalized").exists()


def test_tmp_path_is_fresh_and_does_not_pile_up(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.race(interleavings=30)
        @pytest.mark.parametrize("outcome", ["passes", "fails"])
        def test_it(tmp_path, outcome, racecheck):
            assert list(tmp_path.iterdir()) == []
            (tmp_path / str(racecheck.interleaving)).touch()
            assert outcome == "passes" or racecheck.interleaving < 20

        @pytest.mark.race(interleavings=3)
        def test_dynamic(request):
            assert list(request.getfixturevalue("tmp_path").iterdir()) == []
            (request.getfixturevalue("tmp_path") / "x").touch()
        """
    )
    base = pytester.path / "base"
    pytester.runpytest(f"--basetemp={base}").assert_outcomes(passed=2, failed=1)
    left = sorted(path.name for path in base.glob("*/*") if path.parent.is_dir() and not path.parent.is_symlink())
    assert left == ["20", "29", "x"]


@pytest.mark.parametrize("policy", ["all", "failed", "none"])
def test_tmp_path_keeps_what_pytest_would_keep(pytester: pytest.Pytester, policy: str) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.race(interleavings=5)\ndef test_it(tmp_path): pass")
    pytester.runpytest("-o", f"tmp_path_retention_policy={policy}").assert_outcomes(passed=1)


def test_what_races_leave_behind_is_put_back(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import contextlib, io, pytest, sys, threading, warnings

        @pytest.mark.race(interleavings=3)
        def test_streams(capsys, racecheck):
            assert not isinstance(sys.stdout, Left)
            print("seen")
            assert capsys.readouterr().out == "seen\\n"
            sys.stdout = sys.stderr = Left()

        class Left(io.StringIO): pass

        @pytest.mark.race(interleavings=3)
        def test_warnings():
            with pytest.warns(UserWarning): warnings.warn("seen")
            assert not any(found[2] is Mine for found in warnings.filters)
            warnings.catch_warnings(record=True).__enter__()
            warnings.simplefilter("ignore", Mine)
            warnings.showwarning = None

        class Mine(Warning): pass

        @pytest.mark.race(interleavings=3)
        def test_excepthook():
            assert threading.excepthook is not print
            threading.excepthook = print

        @pytest.mark.race(interleavings=3)
        def test_monkeypatch(monkeypatch):
            assert not hasattr(sys, "mine")
            monkeypatch.setattr(sys, "mine", 1, raising=False)

        @pytest.mark.race(interleavings=3)
        def test_markers(request):
            assert len(request.node.own_markers) == 1
            request.node.add_marker("slow", append=False)

        @pytest.mark.race(interleavings=3)
        class TestInstance:
            def test_it(self, request):
                assert not hasattr(self, "mine") and request.instance is self
                self.mine = 1
        """
    )
    pytester.makeini("[pytest]\nmarkers = slow")
    pytester.runpytest().assert_outcomes(passed=6)


def test_memory_stays_flat(pytester: pytest.Pytester) -> None:
    """1,500 interleavings with fixtures of many kinds take no more memory than 500.

    In a process of its own, and with the real engine: pytester keeps every call of a hook in this one.
    """
    pytester.makepyfile(
        """
        import gc, pytest, tracemalloc, warnings

        @pytest.fixture(scope="module")
        def wide(): return []

        @pytest.fixture
        def own(wide):
            yield bytearray(10_000)

        in_use = []

        @pytest.mark.race(interleavings=1_500, strategy="random")
        def test_it(own, wide, caplog, capsys, monkeypatch, record_property, recwarn, request, racecheck):
            print("a line")
            record_property("a", 1)
            monkeypatch.setenv("RACECHECK_X", "1")
            warnings.warn("a warning")
            request.addfinalizer(lambda: None)
            if racecheck.interleaving == 200:
                tracemalloc.start(1)
            if racecheck.interleaving in (499, 1_499):
                gc.collect()
                in_use.append(tracemalloc.get_traced_memory()[0])

        def test_afterwards():
            tracemalloc.stop()
            assert in_use[1] - in_use[0] < 40_000, in_use
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_what_was_looked_into_is_forgotten_before_the_last_garbage_is_collected(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import gc

        def pytest_sessionfinish():
            global source
            from pytest_racecheck.instrument import source
            assert "test_forgotten" in "".join(source._files)
            gc.callbacks.append(told)

        def told(phase, info):
            if phase == "start" and info["generation"] == 2:
                print("kept:", len(source._files))
    """)
    pytester.makepyfile(
        test_forgotten="""
        import pytest

        @pytest.mark.race(threads=2)
        def test_nothing():
            pass
    """
    )
    result = pytester.runpytest_subprocess("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["kept: 0"])
    result.stdout.no_fnmatch_line("kept: [1-9]*")
