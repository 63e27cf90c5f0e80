"""The failing interleaving line by line, one lane a thread: columns where there is room for them, else stacked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.files import short_files
from pytest_racecheck.report.story import Entry, entries, threads_of
from pytest_racecheck.report.styled import Line, Span, filled, fit, line, width_of
from pytest_racecheck.report.terminal import Symbols, cells, clean, short_function, wrap

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure, ThreadReport

_NARROWEST_LANE: Final = 36
_WIDEST_LANE: Final = 72
_SEPARATOR: Final = 3
_INDENT: Final = "  "


def render_timeline(failure: Failure, width: int, verbose: int, symbols: Symbols, *, colour: bool) -> list[Line]:
    """Lines of at most ``width`` cells. ``verbose`` from 0: more of it; from 2 on everything."""
    if not failure.steps:
        return []
    told = entries(failure, verbose, symbols.arrow, symbols.dots)
    threads = {each.id: each for each in (*failure.threads, *failure.ended)}
    titles = {each: _title(each, threads.get(each)) for each in threads_of(failure, verbose)}
    gutter = len(str(max((entry.line for entry in told), default=0)))
    lane = min((width + _SEPARATOR) // max(len(titles), 1) - _SEPARATOR, _WIDEST_LANE)
    files = short_files({entry.file for entry in told})
    if lane >= _NARROWEST_LANE and len(titles) > 1:
        return _columns(told, titles, _Lane(lane, gutter, symbols, files, colour=colour))
    return _stacked(told, titles, _Lane(width, gutter, symbols, files, colour=colour, indent=_INDENT))


def _title(thread: str, report: ThreadReport | None) -> str:
    """As in ``T1 customer-80: Bank.withdraw``; the name that Python makes up holds the function already."""
    if report is None:
        return clean(thread)
    name, _, rest = report.name.partition(" (")
    name = name if rest == f"{report.function.rpartition('.')[2]})" else report.name
    name = "" if thread == "main" and name == "MainThread" else f" {name}"
    function = short_function(report.function)
    said = function and name.strip().rpartition("-")[0] == function  # by `racecheck.run`
    return clean(f"{thread}{name}" + (f": {function}" if function and not said else ""))


class _Lane:
    """Draws the entries of one thread, in lines of at most ``width`` cells; ``names`` says what files are called."""

    def __init__(
        self, width: int, gutter: int, symbols: Symbols, names: dict[str, str], *, colour: bool, indent: str = ""
    ) -> None:
        self.width = width
        self.symbols = symbols
        self._names = names
        self._gutter = gutter
        self._colour = colour
        self._indent = indent
        self._files: dict[str, str] = {}

    def draw(self, entry: Entry) -> list[Line]:
        """One entry; the file is named where it is not the one of the thread's entry before."""
        found: list[Line] = []
        if entry.folded:
            found.append(line(f"{self._indent}{entry.folded}", "dim"))
        if entry.file and self._files.get(entry.thread) != entry.file:
            self._files[entry.thread] = entry.file
            found.append(line(f"{self._indent}{clean(self._names[entry.file])}", "dim"))
        if entry.line:
            found += self._source(entry)
        beside = f"{self._indent}{' ' * self._gutter}   "
        if entry.error:
            found.append(line(f"{beside}{entry.error}", "error"))
        if entry.turn:
            found += [line(text, "switch") for text in self._wrapped(f"{beside}{self.symbols.turn} {entry.turn}")]
        return [fit(each, self.width, self.symbols.dots) for each in found]

    def _source(self, entry: Entry) -> list[Line]:
        """The line of code with its marks, and what it did: next to the marks, where there is room."""
        before = f"{self._indent}{entry.line:>{self._gutter}} "
        entry = _window(entry, self.width - cells(before), self.symbols.dots)
        code = _marked(entry) if self._colour else [Span(entry.code)]
        found: list[Line] = [[Span(before, "dim"), *code]]
        carets = "" if self._colour else _carets(entry, self.symbols.mark)
        if (
            carets
            and len(entry.effects) == 1
            and cells(before) + len(carets) + 1 + cells(entry.effects[0]) <= self.width
        ):
            return [*found, [Span(f"{' ' * cells(before)}{carets} {entry.effects[0]}")]]
        if carets:
            found.append(line(f"{' ' * cells(before)}{carets}"))
        return found + [
            _coloured(text)
            for effect in entry.effects
            for text in self._wrapped(f"{self._indent}{' ' * self._gutter}   {effect}")
        ]

    def _wrapped(self, text: str) -> list[str]:
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        return wrap(text, self.width, indent)


def _window(entry: Entry, room: int, dots: str) -> Entry:
    """The entry with as much cut off in front of its code as it takes to see what is marked in ``room`` cells."""
    end = max((end for _, end in entry.marks), default=0) + len(dots)
    if len(entry.code) <= room or end <= room:
        return entry
    end += len(dots)
    cut = min(end - room, *(start for start, _ in entry.marks))
    if cut <= len(dots):
        return entry
    moved = len(dots) - cut
    marks = [(start + moved, end + moved) for start, end in entry.marks]
    return replace(entry, code=dots + entry.code[cut:], marks=marks)


def _marked(entry: Entry) -> Line:
    spans: Line = []
    at = 0
    for start, end in sorted(entry.marks):
        if start >= at:
            spans += [Span(entry.code[at:start]), Span(entry.code[start:end], "mark")]
            at = end
    return [*spans, Span(entry.code[at:])]


def _carets(entry: Entry, caret: str) -> str:
    """A line of carets below the marks, as wide as the code above them."""
    drawn = ""
    for start, end in sorted(entry.marks):
        if start > len(entry.code):
            continue
        gap = cells(entry.code[:start]) - len(drawn)
        drawn += " " * gap + caret * max(0, cells(entry.code[:end]) - len(drawn) - max(gap, 0))
    return drawn


def _coloured(text: str) -> Line:
    """An effect, its values in a colour of their own."""
    what, colon, value = text.partition(": ")
    return [Span(what + colon), Span(value, "value")] if colon else [Span(text)]


def _columns(told: list[Entry], titles: dict[str, str], lane: _Lane) -> list[Line]:
    separator = Span(f" {lane.symbols.bar} ", "dim")

    def row(cell: Line, thread: str) -> Line:
        found: Line = []
        for number, each in enumerate(titles):
            found += [separator] if number else []
            found += filled(cell if each == thread else [], lane.width)
        return found

    heads = {each: fit(line(title, "thread"), lane.width, lane.symbols.dots) for each, title in titles.items()}
    first: Line = []
    for number, head in enumerate(heads.values()):
        first += ([separator] if number else []) + filled(head, lane.width)
    rule = line(f"-{lane.symbols.cross}-".join("-" * lane.width for _ in titles), "dim")
    return [first, rule, *(row(each, entry.thread) for entry in told for each in lane.draw(entry))]


def _stacked(told: list[Entry], titles: dict[str, str], lane: _Lane) -> list[Line]:
    found: list[Line] = []
    before = ""
    for entry in told:
        if entry.thread != before:
            found.append(fit(line(titles[entry.thread], "thread"), lane.width, lane.symbols.dots))
        found += lane.draw(entry)
        before = entry.thread
    return [each for each in found if width_of(each)]
