"""What a person reads below the traceback of a failing test: what happened, where, and the command that replays it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.terminal import (
    Symbols,
    cells,
    clean,
    clip,
    encodable,
    first_line,
    pad,
    place,
    symbols_for,
    wrap,
)
from pytest_racecheck.report.timeline import render_timeline

if TYPE_CHECKING:
    from pytest_racecheck.report.model import AccessReport, Failure, Frame, Preemption, TestResult, ThreadReport

_FRAMES_SHOWN: Final = 4  # -v shows all
_PREEMPTIONS_SHOWN: Final = 10  # -v shows all
_THREADS_SHOWN: Final = 12  # -v shows all
_SOURCE_SHOWN: Final = 80
_NARROWEST: Final = 40
_FOR_FILE: Final = 30  # of a line that names a place, in cells; more where the terminal is wide
_BESIDE_FILE: Final = 30

_UNDER_GIL: Final = {
    "reachable": "under the GIL: reachable",
    "unreachable": "under the GIL: unreachable; needs a free-threaded build (on GIL builds no switch can happen there)",
}

_WHAT_TO_DO: Final = {
    "hang": [
        "A loop that waits for another thread must block or sleep, so that the other one gets its turn.",
        "If the test only needs longer: --racecheck-timeout SECONDS, or @pytest.mark.race(timeout=SECONDS).",
    ],
    "nondeterministic": [
        "The same schedule led to another run: something besides the schedule decides what the test does.",
        "Often: state that survives from one interleaving to the next (a global, a cache, a singleton, a file).",
        "Or: real time, random numbers from the system, the order of a set, threads that racecheck does not control.",
        "Reset such state in a function-scoped fixture, seed or replace the source of chance.",
    ],
}


def render_failure(result: TestResult, width: int, verbose: int = 0, encoding: str = "utf-8") -> str:
    """The section of a failed test, without a trailing newline; empty when nothing failed.

    ``width`` is the terminal's in cells, ``verbose`` pytest's ``-v`` count. Lines are wrapped or clipped to the width,
    except the cycle of a deadlock and the replay command, which are there to be copied. Text from the test is made
    harmless for terminals, and nothing is used that ``encoding`` lacks.
    """
    return encodable("\n".join(_Section(result, width, verbose, symbols_for(encoding)).lines()), encoding)


class _Section:
    def __init__(self, result: TestResult, width: int, verbose: int, symbols: Symbols) -> None:
        self.result = result
        self.width = max(width, _NARROWEST)
        self.verbose = verbose
        self.symbols = symbols

    def lines(self) -> list[str]:
        failure = self.result.failure
        if failure is None:
            return self._never_true()
        if failure.kind == "serial-failure":
            return ["serial-failure: fails without any preemption: not a race", *self._notes()]
        parts = {"race": self._race, "deadlock": self._deadlock}.get(failure.kind, self._other)(failure)
        blocks = [*parts, self._never_true(), [*self._notes(), *self._origin(failure)]]
        return [line for n, block in enumerate(each for each in blocks if each) for line in [*([""] * (n > 0)), *block]]

    def _race(self, failure: Failure) -> list[list[str]]:
        return [
            [*self._race_title(failure), *self._sentences(failure)],
            self._preemptions(failure.preemptions),
            self._thread_list(failure.threads),
            render_timeline(failure, self.width, self.verbose, self.symbols),
            self._data_races(failure),
            self._wrap(_UNDER_GIL[failure.under_gil]) if failure.under_gil in _UNDER_GIL else [],
        ]

    def _race_title(self, failure: Failure) -> list[str]:
        title = ": ".join(each for each in ("race", clean(failure.exception), first_line(failure.message)) if each)
        enough = _enough(len(failure.preemptions))
        if cells(f"{title}; {enough}") <= self.width:
            return [f"{title}; {enough}"]
        return [*self._wrap(f"{title};"), *self._wrap(f"  {enough}")]

    def _deadlock(self, failure: Failure) -> list[list[str]]:
        cause = f"deadlock: {clean(failure.cause)}" if failure.cause else "deadlock"
        # The cycle stays on one line: it is what people search for and copy.
        return [
            [cause, f"  {first_line(failure.message)}", *self._sentences(failure)],
            *self._threads(failure.threads),
            self._preemptions(failure.preemptions),
            # How they got there matters less than where they are.
            render_timeline(failure, self.width, self.verbose, self.symbols) if self.verbose else [],
        ]

    def _other(self, failure: Failure) -> list[list[str]]:
        what_to_do = [line for text in _WHAT_TO_DO.get(failure.kind, []) for line in self._wrap(f"- {text}", "  ")]
        return [
            [*self._wrap(f"{failure.kind}: {first_line(failure.message)}"), *self._sentences(failure)],
            what_to_do,
            *self._threads(failure.threads),
            self._preemptions(failure.preemptions),
            # How they got there matters less than where they are.
            render_timeline(failure, self.width, self.verbose, self.symbols) if self.verbose else [],
        ]

    def _sentences(self, failure: Failure) -> list[str]:
        return [line for each in (*failure.details, *failure.advice) for line in self._wrap(f"  {clean(each)}", "  ")]

    def _preemptions(self, preemptions: list[Preemption]) -> list[str]:
        if not preemptions:
            return []
        shown = preemptions if self.verbose else preemptions[:_PREEMPTIONS_SHOWN]
        lines = ["preempted:"]
        for each in shown:
            where = f" at {self._place(each.file, each.line)}, before {self._source(each.source)}," if each.file else ""
            lines += self._wrap(f"  {clean(each.thread)}{where} {self.symbols.arrow} {clean(each.to)}", "     ")
        return lines + self._more(len(preemptions) - len(shown), "switches")

    def _thread_list(self, threads: list[ThreadReport]) -> list[str]:
        if not threads:
            return []
        shown = threads if self.verbose else threads[:_THREADS_SHOWN]
        rows = [(clean(each.id), clean(each.name), clean(each.function), clean(each.state)) for each in shown]
        widths = [max(cells(row[column]) for row in rows) for column in range(4)]
        lines = ["  " + "  ".join(map(pad, row, widths)).rstrip() for row in rows]
        lines = [clip(line, self.width, self.symbols.dots) for line in lines]
        return ["threads:", *lines, *self._more(len(threads) - len(shown), "threads")]

    def _threads(self, threads: list[ThreadReport]) -> list[list[str]]:
        shown = threads if self.verbose else threads[:_THREADS_SHOWN]
        return [*(self._thread(each) for each in shown), self._more(len(threads) - len(shown), "threads")]

    def _thread(self, thread: ThreadReport) -> list[str]:
        function = f", running {clean(thread.function)}" if thread.function else ""
        lines = self._wrap(f"{clean(thread.id)}: {clean(thread.name)}{function} ({clean(thread.state)})", "    ")
        for held in thread.holds:
            taken = f", taken at {self._place(held.file, held.line)}" if held.file else ""
            lines += self._wrap(f"    holds {clean(held.resource)}{taken}", "      ")
        if thread.waits_for is not None:
            lines += self._wrap(f"    waits for {clean(thread.waits_for)}", "      ")
        return lines + self._stack(thread.stack)

    def _stack(self, stack: list[Frame]) -> list[str]:
        """Innermost call first: where the thread is comes before how it got there."""
        shown = stack[::-1] if self.verbose else stack[::-1][:_FRAMES_SHOWN]
        lines = []
        for n, frame in enumerate(shown):
            lines.append(
                f"    {'from' if n else 'at'} {self._place(frame.file, frame.line)} in {clean(frame.function)}"
            )
            if frame.source:
                lines.append(f"        {clean(frame.source)}")
        return [clip(line, self.width, self.symbols.dots) for line in lines]

    def _data_races(self, failure: Failure) -> list[str]:
        lines = []
        for race in failure.data_races:
            lines += self._wrap(f"data race on {clean(race.resource)}: nothing orders these two accesses", "  ")
            for access in (race.first, race.second):
                lines += self._wrap(f"  {self._access(access)}", "    ")
        return lines

    def _access(self, access: AccessReport) -> str:
        holds = f", holding {clean(', '.join(access.holds))}" if access.holds else ", holding no lock"
        where = f"{self._place(access.file, access.line)} {self._source(access.source)}"
        return f"{clean(access.thread)} {clean(access.operation)} at {where}{holds}"

    def _never_true(self) -> list[str]:
        names = ", ".join(map(clean, self.result.sometimes))
        number = (
            f"{self.result.interleavings:,} {'interleaving' if self.result.interleavings == 1 else 'interleavings'}"
        )
        return self._wrap(f"never true in {number}: {names}", "  ") if names else []

    def _notes(self) -> list[str]:
        return [line for note in self.result.notes for line in self._wrap(f"note: {clean(note)}", "  ")]

    def _origin(self, failure: Failure) -> list[str]:
        result = self.result
        lines = []
        if result.first_failure is not None:
            origin = f"(strategy {clean(result.strategy)}, seed {result.seed})"
            again, replays = failure.reproduced
            replayed = f"; failed again in {again} of {replays} replays" if replays else ""
            lines = self._wrap(f"found in interleaving {result.first_failure:,} {origin}{replayed}")
        if failure.token:
            lines.append(
                f"replay: pytest {shlex.quote(clean(result.nodeid))} --racecheck-replay={clean(failure.token)}"
            )
        return lines

    def _place(self, file: str, line: int) -> str:
        return place(file, line, max(_FOR_FILE, self.width - _BESIDE_FILE), self.symbols.dots)

    def _source(self, source: str) -> str:
        return f"`{clip(clean(source), _SOURCE_SHOWN, self.symbols.dots)}`"

    def _more(self, number: int, things: str) -> list[str]:
        return [f"  {self.symbols.dots} {number} more {things} (-v shows them)"] if number > 0 else []

    def _wrap(self, text: str, indent: str = "  ") -> list[str]:
        return [clip(line, self.width, self.symbols.dots) for line in wrap(text, self.width, indent)]


def _enough(preemptions: int) -> str:
    if preemptions == 0:
        return "no preemption is needed, only another order"
    return "1 preemption is enough" if preemptions == 1 else f"{preemptions} preemptions are enough"
