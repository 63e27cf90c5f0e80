"""What the page shows of each test, worked out from the model; how it is set is the templates' business."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.report.files import short_files
from pytest_racecheck.report.html.graph import Graph, wait_for_graph
from pytest_racecheck.report.html.state import changes
from pytest_racecheck.report.outcomes import share
from pytest_racecheck.report.story import Entry, entries, threads_of
from pytest_racecheck.report.terminal import UNICODE, clean, clip, place, replay_command, short_function
from pytest_racecheck.report.text import UNDER_GIL, WHAT_TO_DO, render_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_racecheck.report.model import Failure, Finding, Step, TestResult, ThreadReport

#: Kinds of detail, as pytest counts ``-v``, with the number of entries that a page shows at most.
_LEVELS: Final = (("Story", 300), ("More", 1000), ("Everything", 2000))

_GOOD: Final = frozenset(("proved", "passed"))
_WIDE: Final = 1_000_000
_FILE: Final = 60
_LINES: Final = 40  # of what pytest tells of an exception
_LONGEST: Final = 1_000  # of its lines
_DID: Final = {"read": "read", "write": "wrote", "update": "changed", "acquire": "acquired"}


@dataclass
class Lane:
    """A thread's column."""

    id: str
    name: str
    function: str


@dataclass
class Row:
    """An entry of the timeline in its lane (the first is 1). ``code`` is in pieces: whether marked, and the text.

    ``file`` is there where it is not that of the row above in the lane; ``holds``: the locks under which it happened.
    """

    entry: Entry
    lane: int
    thread: Lane
    code: list[tuple[bool, str]]
    effects: list[tuple[str, str]]
    file: str
    holds: list[str]
    new_lane: bool

    @property
    def preempted(self) -> bool:
        """Whether the thread could have gone on."""
        return self.entry.turn.startswith("preempted")


@dataclass
class Level:
    """The timeline in one of its levels of detail; ``changes`` is for the script, one for each row."""

    name: str
    lanes: list[Lane]
    rows: list[Row]
    changes: list[dict[str, Any]]


@dataclass
class View:
    """A test on the page; ``headline`` in pieces: whether code, and the text."""

    anchor: str
    result: TestResult
    good: bool
    headline: list[tuple[bool, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    under_gil: str = ""
    what_to_do: list[str] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    graph: Graph | None = None
    command: str = ""
    shares: list[tuple[str, int, str, float]] = field(default_factory=list)

    @property
    def data(self) -> list[list[dict[str, Any]]]:
        """What the script steps through."""
        return [level.changes for level in self.levels]


def view_of(number: int, result: TestResult, said: str) -> View:
    """The view of one test; ``said`` is how pytest tells the exception, with the details of an assertion."""
    failed = result.failure is not None or result.sometimes
    view = View(f"test-{number}", result, result.verdict in _GOOD and not failed)
    total = sum(count for _, count in result.outcomes)
    for outcome, count in sorted(result.outcomes, key=lambda each: -each[1]):
        view.shares.append((outcome, count, share(count, total), round(100 * count / max(total, 1), 2)))
    if not failed:
        return view
    title = clip(render_title(result, _WIDE), _LONGEST, UNICODE.dots)
    view.headline = pieces(title)
    failure = result.failure
    if failure is None:
        return view
    if not failure.is_explained:  # of which the exception only says the same again
        told = [line for line in (said or _exception(failure)).splitlines() if not line or line not in title]
        view.said = [clip(clean(line[:_LONGEST]), _LONGEST, UNICODE.dots) for line in told[:_LINES]]
        view.said += [UNICODE.dots] if len(told) > _LINES else []
    view.under_gil = UNDER_GIL[failure.under_gil] if failure.kind == "race" or failure.is_explained else ""
    view.what_to_do = [] if failure.is_explained else WHAT_TO_DO.get(failure.kind, [])
    view.levels = _levels(failure)
    view.graph = wait_for_graph(failure.threads) if failure.is_explained else None
    if failure.token:
        view.command = replay_command(result.nodeid, failure)
    return view


def totals(results: Sequence[TestResult]) -> dict[str, Any]:
    """The session in figures: tests, interleavings, seconds, and how often there was each verdict."""
    return {
        "tests": len(results),
        "interleavings": sum(result.interleavings for result in results),
        "seconds": sum(result.seconds for result in results),
        "verdicts": Counter(str(result.verdict) for result in results).most_common(),
    }


def pieces(text: str) -> list[tuple[bool, str]]:
    """Text in which code stands between backticks, taken apart: whether it is code, and the text."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one that has no counterpart
        return [(False, text)]
    return [(bool(n % 2), part) for n, part in enumerate(parts) if part]


def where(file: str, line: int) -> str:
    """``file:line``, as short as it can be."""
    return place(file, line, _FILE, UNICODE.dots)


def did(operation: str) -> str:
    """What a thread did, in the past."""
    return _DID.get(operation, operation)


def findings(result: TestResult) -> list[Finding]:
    """What a test fails on by itself has a part of the page of its own, which lists its data races."""
    return result.findings if result.failure is None or result.failure.finding is not None else []


def measured(row: Mapping[str, Any]) -> dict[str, Any]:
    """A measurement of what a test gains from its threads, as plain data: its cells as text, its shares in percent."""
    figures = [
        ("serial", "{:.3g}"),
        ("threaded", "{:.3g}"),
        ("speedup", "{:.2f}"),
        ("ideal", "{:.1f}"),
        ("cpu_use", "{:.2f}"),
    ]
    shares = row.get("shares") or {}
    return {
        "name": row["name"],
        "verdict": row.get("verdict", ""),
        "threads": row.get("threads", ""),
        "figures": ["-" if row.get(name) is None else form.format(row[name]) for name, form in figures],
        "shares": [(name, round(100 * share)) for name, share in shares.items() if round(100 * share)],
        "advice": row.get("advice") or row.get("why", ""),
    }


def _exception(failure: Failure) -> str:
    return ": ".join(filter(None, (failure.exception, failure.message)))


def _levels(failure: Failure) -> list[Level]:
    """The levels that have something to show, and not just what the one before shows."""
    found: list[Level] = []
    before: list[Entry] = []
    for verbose, (name, most) in enumerate(_LEVELS):
        told = entries(failure, verbose, UNICODE.arrow, UNICODE.dots, most)
        if told and told != before:
            found.append(_level(failure, verbose, name, told))
        before = told
    return found


def _level(failure: Failure, verbose: int, name: str, told: list[Entry]) -> Level:
    reports = {each.id: each for each in (*failure.threads, *failure.ended)}
    lanes = {each: _lane(each, reports.get(each)) for each in threads_of(failure, verbose)}
    numbers = {each: number for number, each in enumerate(lanes, 1)}
    steps = {step.n: step for step in failure.steps}
    names = short_files({entry.file for entry in told})
    files: dict[str, str] = {}
    rows = []
    before = ""
    for entry in told:
        file = entry.file if files.get(entry.thread) != entry.file else ""
        files[entry.thread] = entry.file or files.get(entry.thread, "")
        row = Row(
            entry=entry,
            lane=numbers[entry.thread],
            thread=lanes[entry.thread],
            code=_marked(entry),
            effects=[_parted(effect) for effect in entry.effects],
            file=names[file] if file else "",
            holds=_held([steps[n] for n in entry.steps]) if entry.line else [],
            new_lane=entry.thread != before,
        )
        rows.append(row)
        before = entry.thread
    return Level(name, list(lanes.values()), rows, changes(failure, told, lanes, verbose))


def _lane(thread: str, report: ThreadReport | None) -> Lane:
    if report is None:
        return Lane(thread, "", "")
    name = "" if thread == "main" and report.name == "MainThread" else report.name
    made_up, _, rest = name.partition(" (")  # the name that Python makes up holds the function already
    name = made_up if rest == f"{report.function.rpartition('.')[2]})" else name
    function = short_function(report.function)
    return Lane(thread, name, function if function != name else "")


def _held(steps: list[Step]) -> list[str]:
    """The locks under which something else than taking and giving back locks was done."""
    return next((step.holds for step in steps if step.operation not in ("acquire", "release")), [])


def _marked(entry: Entry) -> list[tuple[bool, str]]:
    parts: list[tuple[bool, str]] = []
    at = 0
    for start, end in sorted(entry.marks):
        if start >= at:
            parts += [(False, entry.code[at:start]), (True, entry.code[start:end])]
            at = end
    return [part for part in [*parts, (False, entry.code[at:])] if part[1]]


def _parted(effect: str) -> tuple[str, str]:
    what, colon, value = effect.partition(": ")
    return what + colon, value
