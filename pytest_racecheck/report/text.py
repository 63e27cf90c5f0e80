"""What a person reads below the traceback of a failing test: what happened, where, and the command that replays it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.hang import render_hang
from pytest_racecheck.report.layout import Layout
from pytest_racecheck.report.model import LIVELOCK
from pytest_racecheck.report.styled import Line, Span, line, lines, written
from pytest_racecheck.report.terminal import cells, clean, encodable, first_line, pad, replay_command, symbols_for
from pytest_racecheck.report.timeline import render_timeline
from pytest_racecheck.report.why import render_clash, render_data_races, render_sentences, render_why

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure, Frame, Preemption, TestResult, ThreadReport

_FRAMES_SHOWN: Final = 4  # -v shows all
_PREEMPTIONS_SHOWN: Final = 10  # -v shows all
_THREADS_SHOWN: Final = 12  # -v shows all
_NARROWEST: Final = 40

UNDER_GIL: Final = {
    "reachable": "under the GIL: reachable",
    "unreachable": (
        "needs a free-threaded build (on GIL builds no switch can happen between these accesses: every interleaving "
        "that one allows was run, and none fails)"
    ),
    "unknown": "under the GIL: unknown (not seen to fail there, nor proved that it can't)",
}

WHAT_TO_DO: Final = {
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

_GAVE_WAY: Final = (
    "fails in the serial schedule, where threads give way only when they block, and when they poll or work on and on"
)

#: For a test that is not explored.
_LONGER: Final = "If the test only needs longer: the ini option racecheck_hang_timeout, in seconds."


def render_failure(
    result: TestResult, width: int, verbose: int = 0, encoding: str = "utf-8", *, colour: bool = False
) -> str:
    """The section of a failed test, without a trailing newline; empty when nothing failed.

    ``width`` is the terminal's in cells, ``verbose`` pytest's ``-v`` count; ``colour`` asks for escape sequences. Lines
    are wrapped or clipped to the width, except the cycle of a deadlock and the replay command, which are there to be
    copied. Text from the test is made harmless for terminals, and nothing is used that ``encoding`` lacks.
    """
    layout = Layout(max(width, _NARROWEST), max(verbose, 0), symbols_for(encoding), colour)
    text = "\n".join(written(each, colour=colour) for each in _Section(result, layout).lines())
    return encodable(text, encoding)


def render_title(result: TestResult, width: int, encoding: str = "utf-8") -> str:
    """What `render_failure` begins with: what happened, in plain words. Empty when nothing failed."""
    layout = Layout(max(width, _NARROWEST), 0, symbols_for(encoding))
    text = "\n".join(written(each, colour=False) for each in _Section(result, layout).title())
    return encodable(text, encoding)


class _Section:
    def __init__(self, result: TestResult, layout: Layout) -> None:
        self.result = result
        self.layout = layout

    def title(self) -> list[Line]:
        """What happened, in plain words."""
        failure = self.result.failure
        if failure is None:
            return self._never_true()
        if failure.kind == "serial-failure" and failure.finding is not None:
            return self.layout.paragraph(f"serial-failure: {first_line(failure.message)}", "title")
        if failure.kind == "serial-failure":
            if failure.preemptions:
                return self.layout.paragraph(f"serial-failure: {_GAVE_WAY}", "title")
            # A replay runs this schedule alone, and knows of no other.
            rest = "" if self.result.strategy == "replay" else ": not a race"
            return [line(f"serial-failure: fails without any preemption{rest}", "title")]
        if failure.kind == "race":
            what = f"race: {_what_failed(failure)}"
        elif failure.is_explained:
            what = f"{failure.kind}: {clean(failure.cause)}" if failure.cause else failure.kind
        else:
            return self.layout.paragraph(f"{failure.kind}: {first_line(failure.message)}", "title")
        # In a livelock, a thread that spins gives way again and again, which says nothing of how it came about.
        # Of a run that could not be recorded, nobody knows.
        told = failure.steps or failure.preemptions
        if failure.finding is not None or self._met_by_chance(failure) or failure.cause == LIVELOCK or not told:
            return self.layout.paragraph(what, "title")
        enough = _enough(self.result, failure)
        if cells(f"{what}; {enough}") <= self.layout.width:
            return [line(f"{what}; {enough}", "title")]
        return self.layout.paragraph(f"{what};", "title") + self.layout.paragraph(f"  {enough}", "title")

    def lines(self) -> list[Line]:
        """The whole section."""
        failure = self.result.failure
        if failure is None or failure.kind == "serial-failure":
            return [*self.title(), *self._notes()]
        kinds = {"race": self._race, "deadlock": self._deadlock, "hang": self._hang}
        parts = kinds.get(failure.kind, self._other)(failure)
        blocks = [*parts, self._never_true(), [*self._notes(), *self._origin(failure)]]
        found: list[Line] = []
        for block in filter(None, blocks):
            found += [line(""), *block] if found else block
        return found

    def _race(self, failure: Failure) -> list[list[Line]]:
        told = bool(failure.steps) and not self.layout.verbose
        return [
            self.title(),
            [] if told else self._preemptions(failure.preemptions),
            [] if told else self._thread_list(failure.threads),
            self._timeline(failure),
            render_why(failure, self.layout),
            render_data_races(failure, self.layout),
            self.layout.paragraph(UNDER_GIL[failure.under_gil], "heading"),
        ]

    def _deadlock(self, failure: Failure) -> list[list[Line]]:
        text = f"  {first_line(failure.message)}"
        # A cycle stays on one line: it is what people search for and copy.
        cycle = [line(text, "error")] if failure.kind == "deadlock" else self.layout.paragraph(text, "error", "    ")
        return [
            [*self.title(), *cycle, *render_sentences(failure, self.layout)],
            *self._threads(failure.threads),
            [] if failure.steps and not self.layout.verbose else self._preemptions(failure.preemptions),
            self._timeline(failure),
            render_clash(failure, self.layout),
            self.layout.paragraph(UNDER_GIL[failure.under_gil], "heading"),
        ]

    def _hang(self, failure: Failure) -> list[list[Line]]:
        if failure.is_explained:
            return self._deadlock(failure)
        spins = any(thread.state.startswith("computing") for thread in failure.threads)
        longer = WHAT_TO_DO["hang"][-1] if self.result.strategy != "none" else _LONGER
        advice = [*(WHAT_TO_DO["hang"][:-1] if spins else ()), longer]
        return [
            self.title(),
            *render_hang(failure, self.layout),
            [each for text in advice for each in self.layout.paragraph(f"- {text}")],
            self._preemptions(failure.preemptions),
        ]

    def _other(self, failure: Failure) -> list[list[Line]]:
        what_to_do = [each for text in WHAT_TO_DO.get(failure.kind, []) for each in self.layout.paragraph(f"- {text}")]
        if failure.steps and failure.reproduced[0] and not self.layout.verbose:
            details = [self._timeline(failure)]
        else:
            details = [*self._threads(failure.threads), self._preemptions(failure.preemptions)]
            # How they got there matters less than where they are.
            details += [self._timeline(failure) if self.layout.verbose else []]
        return [[*self.title(), *render_sentences(failure, self.layout)], what_to_do, *details]

    def _timeline(self, failure: Failure) -> list[Line]:
        layout = self.layout
        return render_timeline(failure, layout.width, layout.verbose, layout.symbols, colour=layout.colour)

    def _preemptions(self, preemptions: list[Preemption]) -> list[Line]:
        if not preemptions:
            return []
        layout = self.layout
        shown = preemptions if layout.verbose else preemptions[:_PREEMPTIONS_SHOWN]
        found = [line("preempted:", "heading")]
        for each in shown:
            where = (
                f" at {layout.place(each.file, each.line)}, before `{layout.source(each.source)}`," if each.file else ""
            )
            text = f"  {clean(each.thread)}{where} {layout.symbols.arrow} {clean(each.to)}"
            found += layout.paragraph(text, indent="     ")
        return found + self._more(len(preemptions) - len(shown), "switches")

    def _thread_list(self, threads: list[ThreadReport]) -> list[Line]:
        if not threads:
            return []
        shown = threads if self.layout.verbose else threads[:_THREADS_SHOWN]
        rows = [(clean(each.id), clean(each.name), clean(each.function), clean(each.state)) for each in shown]
        widths = [max(cells(row[column]) for row in rows) for column in range(4)]
        texts = ["  " + "  ".join(map(pad, row, widths)).rstrip() for row in rows]
        return [
            line("threads:", "heading"),
            *(self.layout.fitted(each) for each in lines(texts)),
            *self._more(len(threads) - len(shown), "threads"),
        ]

    def _threads(self, threads: list[ThreadReport]) -> list[list[Line]]:
        shown = threads if self.layout.verbose else threads[:_THREADS_SHOWN]
        return [*(self._thread(each) for each in shown), self._more(len(threads) - len(shown), "threads")]

    def _thread(self, thread: ThreadReport) -> list[Line]:
        layout = self.layout
        function = f", running {clean(thread.function)}" if thread.function else ""
        text = f"{clean(thread.id)}: {clean(thread.name)}{function} ({clean(thread.state)})"
        found = layout.paragraph(text, "thread", "    ")
        for held in thread.holds:
            taken = f", taken at {layout.place(held.file, held.line)}" if held.file else ""
            found += layout.paragraph(f"    holds {clean(held.resource)}{taken}", indent="      ")
        if thread.waits_for is not None:
            found += layout.paragraph(f"    waits for {clean(thread.waits_for)}", indent="      ")
        return found + self._stack(thread.stack)

    def _stack(self, stack: list[Frame]) -> list[Line]:
        """Innermost call first: where the thread is comes before how it got there."""
        shown = stack[::-1] if self.layout.verbose else stack[::-1][:_FRAMES_SHOWN]
        found = []
        for n, frame in enumerate(shown):
            where = (
                f"    {'from' if n else 'at'} {self.layout.place(frame.file, frame.line)} in {clean(frame.function)}"
            )
            found.append([Span(where, "dim")])
            if frame.source:
                found.append([Span(f"        {clean(frame.source)}")])
        return [self.layout.fitted(each) for each in found]

    def _never_true(self) -> list[Line]:
        names = ", ".join(map(clean, self.result.sometimes))
        number = (
            f"{self.result.interleavings:,} {'interleaving' if self.result.interleavings == 1 else 'interleavings'}"
        )
        return self.layout.paragraph(f"never true in {number}: {names}", "title") if names else []

    def _notes(self) -> list[Line]:
        return [each for note in self.result.notes for each in self.layout.paragraph(f"note: {clean(note)}")]

    def _origin(self, failure: Failure) -> list[Line]:
        result = self.result
        found: list[Line] = []
        if result.first_failure is not None:
            origin = f"(strategy {clean(result.strategy)}, seed {result.seed})"
            again, replays = failure.reproduced
            replayed = f"; failed again in {again} of {replays} replays" if replays else ""
            if replays and self._met_by_chance(failure):
                replayed = f"; reproduced {again}/{replays}"
            found = self.layout.paragraph(f"found in interleaving {result.first_failure:,} {origin}{replayed}")
        if failure.token:
            found.append([Span("replay: ", "heading"), Span(replay_command(result.nodeid, failure))])
        return found

    def _met_by_chance(self, failure: Failure) -> bool:
        """Under stress, with no schedule that leads there."""
        return self.result.strategy == "stress" and self.result.first_failure != 0 and not failure.token

    def _more(self, number: int, things: str) -> list[Line]:
        return [line(f"  {self.layout.symbols.dots} {number} more {things} (-v shows them)")] if number > 0 else []


def _what_failed(failure: Failure) -> str:
    """In plain words: what the test says itself, if it does."""
    message = first_line(failure.message)
    if failure.finding is not None:
        return message
    where = f" in {clean(failure.raised_in)}" if failure.raised_in not in ("", "main") else ""
    if failure.exception != "AssertionError":
        return ": ".join(filter(None, (f"{clean(failure.exception)}{where}", message)))
    source = clean(failure.raised.source) if failure.raised is not None else ""
    values = message.removeprefix("assert ")
    if not message or (values != message and source.startswith("assert ")):
        fails = f"`{source}` fails{where}" if source.startswith("assert ") else f"AssertionError{where}"
        return f"{fails}: {values}" if values and values != source.removeprefix("assert ") else fails
    return f"{message}{where}"


def _enough(result: TestResult, failure: Failure) -> str:
    replayed = result.strategy == "replay"
    if result.first_failure == 0 and not replayed:
        return f"needs no preemption{', only this order' if failure.kind == 'race' else ' and no other order'}"
    preemptions = len(failure.preemptions) - failure.gave_way
    if preemptions == 0 and failure.gave_way:
        return "no preemption is needed, threads that go on and on give way"
    if preemptions == 0:
        return f"no preemption is needed{'' if replayed else ', only another order'}"
    return "1 preemption is enough" if preemptions == 1 else f"{preemptions} preemptions are enough"
