"""pytest-mock: what a test patched is put back after each interleaving."""

from __future__ import annotations

import pytest

pytest.importorskip("pytest_mock")


def test_patches_are_those_of_one_interleaving(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, pytest

        original = os.getcwd

        @pytest.mark.race(interleavings=20)
        def test_patched(mocker, racecheck):
            assert os.getcwd is original
            patched = mocker.patch("os.getcwd", return_value="here")
            stub = mocker.stub()
            assert racecheck.run(lambda: os.getcwd(), lambda: stub()) [0] == "here"
            stub.assert_called_once_with()
            patched.assert_called_once_with()

        @pytest.mark.race(interleavings=20)
        def test_bad(mocker, racecheck):
            spy = mocker.patch("os.getpid", side_effect=[1, 2])
            seen = []
            racecheck.run(lambda: seen.append(os.getpid()), lambda: seen.append("second"))
            assert seen == [1, "second"]

        def test_put_back():
            assert os.getcwd is original
        """
    )
    result = pytester.runpytest("-p", "pytest_mock")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["race *::test_bad: interleaving *"])
