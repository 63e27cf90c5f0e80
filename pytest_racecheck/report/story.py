"""Chooses from the steps of a failing run what is shown, and folds the rest: a timeline in words, without lanes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.terminal import clean

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Failure, Frame, Step

_ENTRIES_SHOWN: Final = 40
_ENTRIES_SHOWN_VERBOSE: Final = 400
_LONGEST_LOOP: Final = 12
_MANY_TIMES: Final = 4

_WORDS: Final = {"iter": "iterate", "bool": "test", "in": "look for", "block": "wait for", "in place": "extend"}


@dataclass
class Entry:
    """What one thread did at one line: ``effects`` in words, ``marks`` the parts of ``code`` that did it.

    ``turn`` is why another thread went on afterwards. ``folded`` stands for what is left out right before. ``steps``
    are the numbers of the steps that it tells.
    """

    thread: str
    file: str = ""
    line: int = 0
    code: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    turn: str = ""
    folded: str = ""
    error: str = ""
    steps: list[int] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, int]:
        """File and line."""
        return self.file, self.line


def threads_of(failure: Failure, verbose: int) -> list[str]:
    """The threads with a part in the story, in the order of the report's list of threads."""
    level = _level(failure, verbose)
    active = {step.thread for step in failure.steps if step.level <= level}
    known = [thread.id for thread in (*failure.threads, *failure.ended) if thread.id in active]
    return known + [each for each in dict.fromkeys(s.thread for s in failure.steps) if each in active - {*known}]


def entries(failure: Failure, verbose: int, arrow: str, dots: str, most: int | None = None) -> list[Entry]:
    """The timeline; ``verbose`` from 0: more of it, from 2 on everything.

    ``most`` is how many entries there may be, the last ones; unless given, what suits a terminal.
    """
    teller = _Teller(failure, verbose, arrow, dots)
    told = teller.tell()
    _add_ends(told, failure, teller)
    if verbose < 2:
        told = _fold_loops(told, dots)
        for entry in told:
            entry.effects = _fold_effects(entry.effects, dots)
    shown = len(told) if verbose > 1 else _ENTRIES_SHOWN_VERBOSE if verbose else _ENTRIES_SHOWN
    left_out = len(told) - (shown if most is None else most)
    if left_out > 0:
        told = told[left_out:]
        told[0].folded = f"{dots} {left_out} earlier lines"
        if most is None:
            told[0].folded += " (-v shows more, -vv all)"
    return told


def _level(failure: Failure, verbose: int) -> int:
    """The least level that shows anything, or more if asked."""
    return max(verbose, min((step.level for step in failure.steps), default=0))


class _Teller:
    def __init__(self, failure: Failure, verbose: int, arrow: str, dots: str) -> None:
        self._steps = failure.steps
        self._level = _level(failure, verbose)
        self._arrow = arrow
        self._dots = dots
        self._lanes = set(threads_of(failure, verbose))
        shown = [step for step in self._steps if step.level <= self._level]
        named = [step.resource for step in shown if step.operation != "file"]
        self._names = _short_names([*named, *(step.call.partition(" ")[2] for step in shown)])

    def tell(self) -> list[Entry]:
        told: list[Entry] = []
        for thread, steps in groupby(self._steps, key=lambda step: step.thread):
            if thread in self._lanes:
                told += self._stint(thread, list(steps))
        return told

    def _stint(self, thread: str, steps: list[Step]) -> list[Entry]:
        """What a thread did in one go."""
        told: list[Entry] = []
        hidden: list[tuple[str, int]] = []
        before: Step | None = None
        number, left_out = steps[0].n - 1, 0
        for step in steps:
            left_out += max(0, step.n - number - 1)
            number = step.n
            if step.level > self._level:
                place = (step.file, step.line)
                if place not in hidden[-1:]:
                    hidden.append(place)
                continue
            hidden = [place for place in hidden if place != (step.file, step.line)]
            entry = told[-1] if told else None
            if entry is not None and entry.place in hidden:
                hidden.remove(entry.place)
            if entry is None or entry.place != (step.file, step.line) or hidden or left_out:
                entry = Entry(thread, step.file, step.line, clean(step.code or step.source))
                if told and hidden:
                    entry.folded = f"{self._dots} {len(hidden)} {'line' if len(hidden) == 1 else 'lines'}"
                if left_out:  # of a very long run
                    entry.folded = f"{self._dots} {left_out} {'step' if left_out == 1 else 'steps'} left out"
                told.append(entry)
            hidden, left_out = [], 0
            self._add(entry, step, before)
            before = step
        return self._add_turn(told, thread, steps)

    def _add(self, entry: Entry, step: Step, before: Step | None) -> None:
        entry.steps.append(step.n)
        mark = (step.mark_start, step.mark_end)
        if mark != (0, 0) and mark not in entry.marks:
            entry.marks.append(mark)
        if before is not None and entry.effects and _is_rest_of(step, before):
            entry.effects.pop()  # read and written in one go: the write says it all
        if step.operation not in ("block", "sleep") or step.switch is None:  # else the reason of the switch says it
            effect = self._effect(step)
            if not (step.call or step.operation == "next" or _only_looks(step)) or effect not in entry.effects[-1:]:
                entry.effects.append(effect)

    def _add_turn(self, told: list[Entry], thread: str, steps: list[Step]) -> list[Entry]:
        last = steps[-1]
        if last.switch is None or (not told and not last.switch.startswith(("blocked", "preempted"))):
            return told
        if not told:
            told.append(self._whereabouts(thread, steps))
        reason = self.shortened(clean(last.switch))
        told[-1].turn = f"{reason} {self._arrow} {clean(last.to)}" if last.to in self._lanes else reason
        return told

    def _verb(self, step: Step) -> str:
        return "read" if _only_looks(step) else _WORDS.get(step.operation, step.operation)

    def _whereabouts(self, thread: str, steps: list[Step]) -> Entry:
        """The line at which a thread had to stop that did nothing else of interest."""
        last = next((step for step in reversed(steps) if step.code or step.source), steps[-1])
        entry = Entry(thread, last.file, last.line, clean(last.code or last.source), steps=[last.n])
        if last.operation == "start":
            entry.effects.append(self._effect(last))
        return entry

    def shortened(self, text: str) -> str:
        """A clean text with short names in it."""
        for name, short in self._names.items():
            text = text.replace(clean(name), clean(short))
        return text

    def _effect(self, step: Step) -> str:
        """Such as ``read balance: 100``, ``write balance: 100 → 30``, ``acquire lock_a``."""
        if step.operation == "file":
            return _shortened(clean(step.resource), self._dots)
        name = self._names.get(step.resource, step.resource)
        method, _, subject = step.call.partition(" ")
        if method in ("acquire", "release"):  # a semaphore takes and gives back a lock of its own for either
            return clean(f"{method} {self._names.get(subject, subject)}")
        if method:
            return clean(f"{self._names.get(subject, subject)}.{method}()")
        what = clean(f"{self._verb(step)} {name}".strip())
        if step.operation == "in" and name.count("[") == 1 and name.endswith("]"):
            container, _, item = name[:-1].partition("[")
            what = clean(f"{self._verb(step)} {item} in {container}")
        if step.resource == step.source and len(name) > _LONGEST_NAME:  # it stands above already
            what = clean(self._verb(step))
        before, after = (
            None if each is None else _shortened(clean(each), self._dots) for each in (step.before, step.after)
        )
        if (before is None and after is None) or step.operation == "next":
            return what
        if after is None or _only_looks(step):
            return f"{what}: {before}"
        return f"{what}: {after if before is None else f'{before} {self._arrow} {after}'}"


def _only_looks(step: Step) -> bool:
    """Whether what could have changed a value left it as it was."""
    return step.operation == "update" and step.before == step.after == "missing"


def _is_rest_of(step: Step, before: Step) -> bool:
    """Whether it is the write that belongs to the read ``before``."""
    return (
        (before.operation, step.operation) == ("read", "write")
        and (before.file, before.line, before.resource) == (step.file, step.line, step.resource)
        and before.switch is None
        and before.before == step.before is not None
    )


def _add_ends(told: list[Entry], failure: Failure, teller: _Teller) -> None:
    """Where the exception was raised, if that is in a thread with a part in the story; who waits in the end."""
    if failure.raised is not None and failure.kind == "race":
        number = max((step.n for step in failure.steps if step.thread == failure.raised_in), default=0)
        _add_error(told, failure.raised, failure.raised_in, clean(failure.exception), number)
    for thread in failure.threads if failure.is_explained else []:
        last = next((e for e in reversed(told) if e.thread == thread.id), None)
        if last is None or not thread.stack or thread.waits_for is None or last.turn.startswith(("blocked", "waits")):
            continue
        frame = thread.stack[-1]
        turn = teller.shortened(f"waits for {clean(thread.waits_for)}")
        if last.place == (frame.file, frame.line) and not last.turn:
            last.effects = [effect for effect in last.effects if not effect.startswith(f"{_WORDS['block']} ")]
            last.turn = turn
        else:
            told.append(Entry(thread.id, frame.file, frame.line, clean(frame.source), turn=turn))


def _add_error(told: list[Entry], raised: Frame, thread: str, error: str, number: int) -> None:
    """``number`` is that of the last step of ``thread``, which need not be shown."""
    mine = [entry for entry in told if entry.thread == thread]
    if not mine:
        return
    # What comes after it only cleans up: a `with` that gives its lock back.
    at = next((entry for entry in reversed(mine[-4:]) if entry.place == (raised.file, raised.line)), None)
    if at is None:
        last = mine[-1]
        at = Entry(thread, raised.file, raised.line, clean(raised.source))
        after = told.index(last) + 1
        later = next((n for n, entry in enumerate(told) if entry.steps and entry.steps[0] > number), len(told))
        if later > after:  # others went on meanwhile
            told.insert(later, at)
        else:
            if last.turn.partition(" ")[0] in ("ended", "waits"):
                at.turn, last.turn = last.turn, ""
            told.insert(after, at)
    at.error = error


def _fold_loops(told: list[Entry], dots: str) -> list[Entry]:
    """Loops shown once at their beginning and once at their end, with the number of turns in between."""
    kept: list[Entry] = []
    keys = [_key(each) for each in told]
    at = 0
    while at < len(told):
        size, times = _loop_at(keys, at)
        if times < _MANY_TIMES:
            kept.append(told[at])
            at += 1
            continue
        kept += told[at : at + size]
        end = at + size * times
        if [key[:-1] for key in keys[end : end + size]] == [key[:-1] for key in keys[at : at + size]]:
            times += 1  # in its last turn, another thread went on
        at += size * (times - 1)
        lines = f"{size} lines" if size > 1 else "line"
        told[at].folded = f"{dots} {times - 2} times more the same {lines}"
        kept += told[at : at + size]
        at += size
    return kept


def _fold_effects(effects: list[str], dots: str) -> list[str]:
    """The same for a loop that is all in one line."""
    kept: list[str] = []
    kinds = [each.partition(":")[0] for each in effects]
    at = 0
    while at < len(effects):
        size, times = _loop_at(kinds, at)
        if times < _MANY_TIMES:
            kept.append(effects[at])
            at += 1
            continue
        first, last = effects[at : at + size], effects[at + size * (times - 1) : at + size * times]
        at += size * times
        if first == last:
            kept += [*first, f"{dots} {times - 1} times more"]
        else:
            kept += [*first, f"{dots} {times - 2} times more the like", *last]
    return kept


def _loop_at(keys: Sequence[object], at: int) -> tuple[int, int]:
    """Size and number of equal turns that begin here."""
    for size in range(1, _LONGEST_LOOP + 1):
        first = keys[at : at + size]
        times = 1
        while first == keys[at + times * size : at + (times + 1) * size]:
            times += 1
        if times >= _MANY_TIMES:
            return size, times
    return 1, 1


def _key(entry: Entry) -> tuple[object, ...]:
    return entry.thread, entry.place, [effect.partition(":")[0] for effect in entry.effects], entry.turn


def _short_names(resources: list[str]) -> dict[str, str]:
    """Names without what leads to them, where that leaves them apart."""
    short = {each: _last_part(each) for each in dict.fromkeys(resources) if each and not _THREAD.fullmatch(each)}
    count = Counter(short.values())
    return {each: name if count[name] == 1 else each for each, name in short.items()}


def _last_part(name: str) -> str:
    head, bracket, item = name.partition("[")
    return (head.rpartition(".")[2] or head) + bracket + item


def _shortened(value: str, dots: str) -> str:
    return value if len(value) <= _LONGEST_VALUE else value[: _LONGEST_VALUE - 1] + dots


_THREAD: Final = re.compile(r"T\d+(\.\d+)*")
_LONGEST_VALUE: Final = 40
_LONGEST_NAME: Final = 24
