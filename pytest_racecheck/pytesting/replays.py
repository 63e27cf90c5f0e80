"""What ``--racecheck-replay`` was given: a token, a file with one in it, or a JSON report."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_racecheck.engine.errors import ReplayError
from pytest_racecheck.engine.schedule import decode

_TOKEN: Final = re.compile(r"\brc\d+-[\w-]+")

#: A file name longer than this is none; a token may be.
_LONGEST_NAME: Final = 255


def read(text: str, directory: Path, shown_as: str) -> dict[str | None, str]:
    """Tokens by the node id of their test, or under None one for whatever is selected.

    ``text`` is a token, or the path of a file, absolute or from ``directory``. UsageError for what is neither, and for
    a file that holds no failure; it calls the option ``shown_as``.
    """
    path = directory / os.path.expanduser(text)  # noqa: PTH111 - Path's raises where there is no such user
    is_file = len(text) <= _LONGEST_NAME and path.is_file()
    tokens: dict[str | None, str] = _from_file(text, path, shown_as) if is_file else {None: text}
    for token in tokens.values():
        try:
            decode(token)
        except ReplayError as error:
            nor = "" if is_file or text.startswith("rc") else f"; nor is there a file {text!r}"
            raise pytest.UsageError(f"{shown_as}: {error}{nor}") from None
    return tokens


def _from_file(name: str, path: Path, shown_as: str) -> dict[str | None, str]:
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise pytest.UsageError(f"{shown_as}: {name} can't be read: {error}") from None
    try:
        report: Any = json.loads(content)
    except ValueError:
        found = _TOKEN.search(content)
        if found is None:
            raise pytest.UsageError(
                f"{shown_as}: there is no token in {name}; give a token, a file that holds one, or a JSON report"
            ) from None
        return {None: found[0]}
    tests = report.get("tests") if isinstance(report, dict) else None
    tokens = dict(filter(None, map(_failure, tests if isinstance(tests, list) else [])))
    if not tokens:
        raise pytest.UsageError(f"{shown_as}: no test of the JSON report {name} has a failure that can be replayed")
    return tokens


def _failure(test: Any) -> tuple[str | None, str] | None:
    """Node id and token of a test of a JSON report, None where it does not have both."""
    failure = test.get("failure") if isinstance(test, dict) else None
    nodeid, token = (test.get("nodeid"), failure.get("token")) if isinstance(failure, dict) else (None, None)
    return (nodeid, token) if isinstance(nodeid, str) and isinstance(token, str) and token else None
