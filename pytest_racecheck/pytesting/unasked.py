"""A test without the marker, under ``--racecheck-all``: nobody said that it can be run more than once.

It may rely on being run once in a process, or on the real clock. If it fails before there was any choice to make, or
not for good, it is run once more as pytest would have run it, and that counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.pytesting.explored import ExploredItem

if TYPE_CHECKING:
    from pytest_racecheck.engine.explorer import Explorer
    from pytest_racecheck.report.model import TestResult

#: Fixtures that belong to one thread: what they do reaches all of the process, and they undo it in their own order.
_OF_ONE_THREAD = frozenset(
    {
        *("capsys", "capsysbinary", "capfd", "capfdbinary", "capteesys", "caplog", "recwarn", "monkeypatch"),
        *("pytester", "testdir", "subtests", "benchmark", "mocker", "request"),
    }
)


def obstacle_to_threads(names: list[str]) -> str | None:
    """Why a test that uses these fixtures can't be run in several threads at once; None when it may."""
    found = sorted(_OF_ONE_THREAD.intersection(names))
    return f"uses {found[0]}, which belongs to one thread" if found else None


def _computes(result: TestResult) -> bool:
    """Whether a thread still had something to do when time ran out."""
    return result.failure is not None and any(each.state.startswith("computing") for each in result.failure.threads)


class UnaskedItem(ExploredItem):
    """Explored if that does no harm.

    A test whose body runs in several threads is run as ever first: only that says whether it passes. Else the serial
    schedule is as good, and costs no further run.
    """

    def _set_up(self) -> None:
        __tracebackhide__ = True
        if self._exploring or self._settings.threads is None:
            self._set_up_controlled()
        else:
            self._prepare()
            self._setup()

    def _set_up_controlled(self) -> None:
        __tracebackhide__ = True
        try:
            super()._set_up()
        except Exception as error:
            if self._explorer is None:
                raise
            self._leave()
            self._tell("its fixtures fail", error)
            self._exploring = True  # the set-up is a plain one
            self._world.set_up()

    def _explore(self) -> None:
        __tracebackhide__ = True
        if self._explorer is None and self._settings.threads is not None:
            self._runtest()
            self._exploring = True
            self._world.tear_down()
            self._exploring = False
            self._open_again()
        super()._explore()

    def _run_all(self, explorer: Explorer) -> None:
        __tracebackhide__ = True
        super()._run_all(explorer)
        result, error = self.result, self.failure
        if result is None:
            return
        if error is None:
            if result.interleavings == 1:
                self.why_not, self.result = "starts no second thread: there is nothing to interleave", None
        elif result.first_failure == 0:
            self.result = self.failure = None
            if self._settings.threads is None:
                self._tell("it fails", error)
                self._run_as_ever()
            else:
                self._tell("its body fails when it is run a second time", error)
        elif result.verdict == "hang" and _computes(result):
            # Much of what others do in a second takes longer under control.
            self.result = self.failure = None
            self._tell("it takes too long", error)
        elif result.verdict == "nondeterministic":
            self.result = self.failure = None
            self._tell("it fails when it is run again", error.__cause__ or error)

    def _run_as_ever(self) -> None:
        __tracebackhide__ = True
        self._leave()
        self._exploring = True  # the set-up is a plain one
        self._world.set_up()
        try:
            self._body()
        except BaseException as error:
            if self._world.is_outcome(error):
                raise
            self.failure, self.why_not = error, ""  # it just fails

    def _tell(self, what: str, error: BaseException) -> None:
        text = str(error).partition("\n")[0]
        self.why_not = f"{what} under racecheck's control ({type(error).__name__}{': ' * bool(text)}{text[:100]})"
