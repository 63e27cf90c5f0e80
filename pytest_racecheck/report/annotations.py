"""Annotations for GitHub Actions: workflow commands that put a failure beside the lines that it comes from.

Their form: https://docs.github.com/actions/reference/workflow-commands-for-github-actions (``error``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_racecheck.report.terminal import clean, clip, encodable, replay_command
from pytest_racecheck.report.text import render_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_racecheck.report.model import Failure, TestResult

_WIDE: Final = 1_000_000
_TITLE: Final = 250  # characters of a title
_LONGEST: Final = 4_000  # characters of a message
_LIBRARY: Final = re.compile(r"site-packages|dist-packages|python\d.*")


class _Place(NamedTuple):
    file: str  # relative to the repository
    line: int  # 0 where that is not known
    what: str  # who did what there


def workflow_commands(results: Sequence[TestResult], roots: Sequence[Path], encoding: str = "utf-8") -> list[str]:
    """One line of text for each annotation. Each failure has one for each of its lines, at least one.

    ``roots`` are the repository's folder, and others that paths may be relative to. GitHub shows the first ten errors
    of a step only, so the first ones of all failures come before the second ones.
    """
    queues = [_of(result, roots) for result in results if result.failure is not None or result.sometimes]
    longest = max(map(len, queues), default=0)
    ordered = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return [encodable(text, encoding) for text in ordered]


def _of(result: TestResult, roots: Sequence[Path]) -> list[str]:
    failure = result.failure
    lines: dict[tuple[str, int], list[str]] = {}
    for place in _places(failure, roots) if failure is not None else []:
        lines.setdefault((place.file, place.line), []).append(place.what)
    if not lines:
        test = result.nodeid.partition("::")[0]
        lines[_relative(test, roots) or test, 0] = []
    return [
        _command(result, _Place(file, line, "; ".join(filter(None, dict.fromkeys(whats)))))
        for (file, line), whats in lines.items()
    ]


def _command(result: TestResult, place: _Place) -> str:
    properties = [f"file={_property(place.file)}", *([f"line={place.line}"] if place.line else [])]
    properties.append(f"title={_property(clip(render_title(result, _WIDE), _TITLE, '...'))}")
    return f"::error {','.join(properties)}::{_data(_message(result, place))}"


def _message(result: TestResult, place: _Place) -> str:
    failure = result.failure
    lines = [place.what, clean(result.nodeid)]
    if failure is not None:
        said = clean(failure.message) if failure.is_explained else ""
        lines += [said, *map(clean, failure.details), *map(clean, failure.advice)]
    text = "\n".join(filter(None, lines))[:_LONGEST]
    if failure is not None and failure.token:
        text += f"\n{replay_command(result.nodeid, failure)}"
    return text


def _places(failure: Failure, roots: Sequence[Path]) -> Iterable[_Place]:
    """The lines that a failure comes from, those that say most first."""
    found: list[_Place | None] = []
    if failure.kind == "race":
        accesses = failure.clash or [each for race in failure.data_races[:1] for each in (race.first, race.second)]
        for access in accesses:
            sites = [(access.file, access.line), *((frame.file, frame.line) for frame in access.stack[::-1])]
            found.append(_first_within(sites, roots, f"{access.thread}: {access.operation} {access.source}"))
    elif failure.kind != "serial-failure":
        # The main thread mostly waits for the others, which is no news.
        others = [thread for thread in failure.threads if thread.id != "main" and thread.stack]
        for thread in others or failure.threads:
            what = f"{thread.id} waits for {thread.waits_for}" if thread.waits_for else f"{thread.id} is here"
            found.append(_first_within([(f.file, f.line) for f in thread.stack[::-1]], roots, what))
    if not any(found) and failure.raised is not None:
        found.append(_first_within([(failure.raised.file, failure.raised.line)], roots, ""))
    return filter(None, found)


def _first_within(sites: Iterable[tuple[str, int]], roots: Sequence[Path], what: str) -> _Place | None:
    """The first of the places that lies in the repository, libraries installed there aside."""
    for file, line in sites:
        relative = _relative(file, roots)
        if relative is not None:
            return _Place(relative, line, clean(what))
    return None


def _relative(file: str, roots: Sequence[Path]) -> str | None:
    if not file or file.startswith("<"):
        return None
    path = roots[-1] / file  # stays what it is where it is absolute
    if not path.is_relative_to(roots[0]):
        return None
    parts = path.relative_to(roots[0]).parts
    return None if any(_LIBRARY.fullmatch(part) for part in parts) else "/".join(parts)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
