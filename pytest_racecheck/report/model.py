"""What racecheck found out about a test, as plain data: the one source of every report, on screen and in files.

Everything is made of strings, numbers, booleans, lists and None, so that ``to_json`` and ``from_json`` are inverse to
each other and the data can cross a process boundary (pytest-xdist). Lines count from 1, columns from 0.
A stack runs from the outermost frame to the innermost one, as in a traceback, and has only frames that the reader
can do something about: those outside the standard library, pytest and racecheck, where there are any.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

Verdict = Literal["passed", "proved", "race", "deadlock", "hang", "serial-failure", "nondeterministic"]
UnderGil = Literal["reachable", "unreachable", "unknown"]
FindingKind = Literal["data-race", "lock-order", "leak"]


@dataclass
class Frame:
    """One call: ``source`` is the line as written, without its indentation."""

    file: str
    line: int
    function: str
    source: str


@dataclass
class Held:
    """A lock that a thread holds, and where it took it (``file`` "" and ``line`` 0 when that is not known)."""

    resource: str
    file: str = ""
    line: int = 0


@dataclass
class ThreadReport:
    """A controlled thread when the run stopped.

    ``state`` is one word or a few ("blocked", "runnable", "finished"). ``waits_for`` says in plain words what a
    blocked thread waits for; ``waits_on`` has the ids of the threads that could end that: the wait-for graph.
    ``native``: the functions in C that the innermost frame is in, innermost first.
    """

    id: str
    name: str
    function: str
    state: str
    holds: list[Held] = field(default_factory=list)
    waits_for: str | None = None
    stack: list[Frame] = field(default_factory=list)
    waits_on: list[str] = field(default_factory=list)
    native: list[str] = field(default_factory=list)


@dataclass
class ProcessReport:
    """A process that the test started and that was there when time ran out; ``threads`` if it runs Python.

    ``note`` says what else there is to know: why its stacks could not be read, that it was ended.
    """

    pid: int
    command: str
    threads: list[ThreadReport] = field(default_factory=list)
    note: str = ""


@dataclass
class Preemption:
    """A switch away from ``thread``, which could have gone on, to the thread ``to``, right before ``source`` ran."""

    thread: str
    file: str
    line: int
    source: str
    to: str


@dataclass
class Step:
    """One operation of the failing interleaving, with the value of its resource before and after where known.

    ``switch`` is the reason why another thread ran next ("preempted", "blocked on lock_a held by T2", "ended"), ``to``
    that thread; None where the same thread went on. ``holds`` are the locks that the thread held while it did this.
    ``code`` is the whole line as written, without its indentation; what was done stands in it from ``mark_start`` to
    ``mark_end`` (both 0: the whole line). ``level`` says how much of it a reader needs: 0 is part of the story, 1 is
    for those who want to know more, 2 is everything else. ``call`` is the library's method that it is a part of, with
    the name of its object.
    """

    n: int
    thread: str
    file: str
    line: int
    column: int
    source: str
    operation: str
    resource: str
    before: str | None = None
    after: str | None = None
    switch: str | None = None
    holds: list[str] = field(default_factory=list)
    to: str | None = None
    code: str = ""
    mark_start: int = 0
    mark_end: int = 0
    level: int = 0
    call: str = ""


@dataclass
class AccessReport:
    """One of the accesses that clash: ``holds`` is its lockset."""

    thread: str
    file: str
    line: int
    column: int
    source: str
    operation: str
    holds: list[str] = field(default_factory=list)
    stack: list[Frame] = field(default_factory=list)
    before: str | None = None
    after: str | None = None


@dataclass
class DataRace:
    """Two conflicting accesses that nothing orders."""

    resource: str
    first: AccessReport
    second: AccessReport


#: The cause of a hang that is known without having waited for the time limit.
LIVELOCK: Final = "livelock"


@dataclass
class Failure:
    """The failing interleaving.

    ``kind`` is the verdict's word. ``exception`` is the type's name, ``message`` its text: the plain words that the
    headline uses. ``cause`` names the kind of deadlock or the pattern of a race ("lock-order cycle", "lost update").
    ``details`` are further whole sentences about the cause, ``advice`` what to do where that is certain.
    ``clash``: the accesses that the failure comes from, in the order in which they happened, all of ``clash_on``.
    ``ended``: threads of a deadlock that had ended before, so that they are not among its ``threads``.
    ``finding``: what the test was to fail on, when it did not fail by itself.
    ``raised``: the line that raised the exception, in the thread ``raised_in``.
    ``reproduced``: in how many of how many replays of ``token`` the test failed again.
    For a hang: ``processes`` that the test had started, ``folded`` threads that have no part in it by name, and
    ``stacks_by``: where the stacks are from, and why they are from nowhere better.
    ``replay_options``: of the command that replays ``token``, besides the test and the token.
    ``gave_way``: how many of the preemptions come by themselves, where threads go on or look for long.
    """

    kind: Verdict
    exception: str
    message: str
    token: str
    reproduced: tuple[int, int] = (0, 0)
    under_gil: UnderGil = "unknown"
    preemptions: list[Preemption] = field(default_factory=list)
    threads: list[ThreadReport] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    data_races: list[DataRace] = field(default_factory=list)
    cause: str = ""
    details: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    clash: list[AccessReport] = field(default_factory=list)
    clash_on: str = ""
    ended: list[ThreadReport] = field(default_factory=list)
    raised: Frame | None = None
    raised_in: str = ""
    finding: FindingKind | None = None
    processes: list[ProcessReport] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    stacks_by: str = ""
    replay_options: list[str] = field(default_factory=list)
    gave_way: int = 0

    @property
    def is_explained(self) -> bool:
        """Whether it is known why the threads never get on: a deadlock, or a hang that is a livelock."""
        return self.kind == "deadlock" or (self.kind == "hang" and self.cause == LIVELOCK)


@dataclass
class FindingSite:
    """One place that has a part in a finding: what ``thread``, started with ``function``, did there.

    ``within``: the function that the place is in, "" where that is not known.
    """

    thread: str
    function: str
    operation: str
    file: str
    line: int
    source: str
    within: str = ""


@dataclass
class Finding:
    """What a detector found beside the test's own checks, in an interleaving that need not have failed.

    ``text`` is one whole sentence, ``resource`` what it is about. ``harmless`` says why it is only worth a note, "" if
    it is more. ``suppressed`` is the line of the ini file that it matches, ``interleaving`` the first that showed it.
    """

    kind: FindingKind
    resource: str
    text: str
    sites: list[FindingSite] = field(default_factory=list)
    harmless: str = ""
    suppressed: str = ""
    interleaving: int = 0


@dataclass
class CodeLine:
    """A line of the source, as written, without its indentation."""

    file: str
    line: int
    source: str


@dataclass
class OrderedPair:
    """Two lines that touched the same thing in two threads, one of them changing it. ``both``: seen in both orders."""

    resource: str
    first: CodeLine
    second: CodeLine
    both: bool


@dataclass
class Coverage:
    """In which orders conflicting pairs of lines were seen, in the ``watched`` interleavings.

    ``both`` and ``one`` count the pairs that were seen in both orders and in one; ``pairs`` has them, those seen in one
    order first, or the first of them if there are very many.
    """

    watched: int
    both: int
    one: int
    pairs: list[OrderedPair] = field(default_factory=list)


@dataclass
class TestResult:
    """One marked test.

    ``requested`` interleavings were asked for, ``interleavings`` ran, of which ``distinct`` were not equivalent;
    ``exhaustive``: there are no others. ``first_failure`` is the number of the first failing interleaving (0 is the
    serial one). ``seconds`` of real time, ``per_second`` interleavings. ``outcomes``: what ``racecheck.outcome``
    recorded, with the number of interleavings. ``warnings`` say why a test that passes shows less than it seems to;
    ``notes`` are for who asks. ``sometimes``: names of conditions that held in none of them. ``findings``: what the
    detectors found besides.
    """

    __test__ = False  # the name starts with "Test": keeps pytest from collecting it where it is imported

    nodeid: str
    verdict: Verdict
    strategy: str
    seed: int
    requested: int
    interleavings: int
    distinct: int
    exhaustive: bool
    first_failure: int | None
    seconds: float
    per_second: float
    failure: Failure | None = None
    outcomes: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sometimes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    coverage: Coverage | None = None

    def to_json(self) -> dict[str, Any]:
        """Dicts, lists, strings, numbers, booleans and None only."""
        return typing.cast("dict[str, Any]", _plain(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TestResult:
        """The inverse of ``to_json``. Fields it doesn't know are ignored: newer versions may add some.

        Raises ValueError, naming the field, when one is missing or has the wrong type.
        """
        return typing.cast("TestResult", _build(cls, data, "test"))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _build(hint: Any, value: Any, where: str) -> object:
    """``value``, which came from JSON, as the type ``hint``; ``where`` is its path for the error message."""
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build_dataclass(typing.cast("type", hint), value, where)
    if origin is list:
        items = _expect(list, value, where)
        return [_build(arguments[0], item, f"{where}[{n}]") for n, item in enumerate(items)]
    if origin is tuple:
        items = _expect(list, value, where)
        if len(items) != len(arguments):
            raise ValueError(f"{where}: {len(arguments)} items expected, not {len(items)}")
        return tuple(_build(a, item, f"{where}[{n}]") for n, (a, item) in enumerate(zip(arguments, items, strict=True)))
    if origin in (Union, types.UnionType):  # only ever "something or None"
        return None if value is None else _build(arguments[0], value, where)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where}: one of {', '.join(arguments)} expected, not {value!r}")
        return value
    if hint is float and type(value) is int:
        return float(value)
    return _expect(hint, value, where)


def _build_dataclass(cls: type, value: Any, where: str) -> object:
    data = _expect(dict, value, where)
    hints = _hints(cls)
    known = {}
    for spec in dataclasses.fields(cls):
        if spec.name in data:
            known[spec.name] = _build(hints[spec.name], data[spec.name], f"{where}.{spec.name}")
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where}.{spec.name} is missing")
    return cls(**known)


@functools.cache  # it evaluates the annotations anew each time, and a report has thousands of steps
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _expect(kind: Any, value: Any, where: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{where}: {kind.__name__} expected, not {type(value).__name__}")
    return value
