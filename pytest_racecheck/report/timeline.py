"""The failing interleaving step by step, one lane a thread: columns where there is room for them, else stacked."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_racecheck.report.terminal import Symbols, clean, clip, pad

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_racecheck.report.model import Failure, Step

_NARROWEST_LANE: Final = 30
_SEPARATOR: Final = 3
_STEPS_SHOWN: Final = 40
_STEPS_SHOWN_VERBOSE: Final = 400


def render_timeline(failure: Failure, width: int, verbose: int, symbols: Symbols) -> list[str]:
    """Lines of at most ``width`` cells. ``verbose`` from 0: more steps; from 2 on all of them."""
    if not failure.steps:
        return []
    titles = _titles(failure)
    lane = (width + _SEPARATOR) // len(titles) - _SEPARATOR
    steps = _fold(failure.steps, verbose)
    if lane >= _NARROWEST_LANE and len(titles) > 1:
        return _columns(steps, titles, lane, symbols)
    return _stacked(steps, titles, width, symbols)


def _titles(failure: Failure) -> dict[str, str]:
    """Threads with at least one step, in the order of the report's list of threads."""
    functions = {each.id: each.function for each in failure.threads}
    active = {each.thread for each in failure.steps}
    ids = [each for each in functions if each in active]
    ids += [each for each in dict.fromkeys(step.thread for step in failure.steps) if each not in functions]
    return {each: clean(f"{each} {functions.get(each, '')}".strip()) for each in ids}


def _fold(steps: list[Step], verbose: int) -> list[Step | int]:
    """The last steps, which are those before the failure; a number stands for that many left out before them."""
    shown = len(steps) if verbose > 1 else _STEPS_SHOWN_VERBOSE if verbose else _STEPS_SHOWN
    left_out = len(steps) - shown
    return [left_out, *steps[left_out:]] if left_out > 0 else [*steps]


def _columns(steps: list[Step | int], titles: dict[str, str], lane: int, symbols: Symbols) -> list[str]:
    separator = f" {symbols.bar} "
    empty = dict.fromkeys(titles, "")

    def row(texts: dict[str, str]) -> str:
        return separator.join(pad(clip(text, lane, symbols.dots), lane) for text in texts.values()).rstrip()

    lines = [row(titles), separator.join("-" * lane for _ in titles)]
    for thread, texts in _turns(steps, symbols):
        lines += [row(empty | {thread: text}) for text in texts] if thread else texts
    return lines


def _stacked(steps: list[Step | int], titles: dict[str, str], width: int, symbols: Symbols) -> list[str]:
    lines = []
    for thread, texts in _turns(steps, symbols):
        lines += [titles[thread], *(f"  {text}" for text in texts)] if thread else texts
    return [clip(line, width, symbols.dots) for line in lines]


def _turns(steps: list[Step | int], symbols: Symbols) -> Iterator[tuple[str, list[str]]]:
    """What each thread did in one go, line by line; thread "" says what was left out."""
    for thread, group in groupby(steps, key=lambda each: "" if isinstance(each, int) else each.thread):
        texts: list[str] = []
        before = ""
        for step in group:
            if isinstance(step, int):
                texts.append(_left_out(step, symbols))
                continue
            where = f"{clean(Path(step.file).name)}:{step.line}  {clean(step.source)}" if step.file else ""
            texts += [where] if where != before and where else []
            texts.append(f"  {_effect(step, symbols)}")
            texts += [f"  {symbols.turn} {clean(step.switch)}"] if step.switch else []
            before = where
        yield thread, texts


def _left_out(number: int, symbols: Symbols) -> str:
    return f"{symbols.dots} {number} earlier steps (-v shows more, -vv all)"


def _effect(step: Step, symbols: Symbols) -> str:
    """Such as ``read balance: 100``, ``write balance: 100 → 20``, ``acquire lock_a``."""
    # A resource without a name of its own has that of the source, which stands above already.
    what = clean(step.operation if step.resource == step.source else f"{step.operation} {step.resource}".strip())
    before, after = (None if each is None else clean(each) for each in (step.before, step.after))
    if before is None and after is None:
        return what
    if before is None or after is None or before == after:
        return f"{what}: {after if before is None else before}"
    return f"{what}: {before} {symbols.arrow} {after}"
