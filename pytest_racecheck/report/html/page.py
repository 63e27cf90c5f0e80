"""Renders the page and writes it. Loaded only when a page is asked for: so is the templating library."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from pytest_racecheck import __version__
from pytest_racecheck.report import whole_file
from pytest_racecheck.report.html import view
from pytest_racecheck.report.model import TestResult
from pytest_racecheck.report.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_racecheck.report.model import Finding

_TEMPLATES: Final = Path(__file__).with_name("templates")


def write(path: Path, document: Mapping[str, Any], said: Mapping[str, str]) -> None:
    """Write the page to ``path``, whose folders are made, all at once. OSError when the file can't be written."""
    whole_file.write(path, render(document, said))


def render(document: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """The whole page. ``document`` is what the JSON report holds.

    ``said``: for node ids, how pytest tells the exception. Nothing of either gets into the page as markup.
    """
    tests = [
        view.view_of(number, TestResult.from_json(test), said.get(test["nodeid"], ""))
        for number, test in enumerate(document["tests"], 1)
    ]
    found = [(test.result.nodeid, finding) for test in tests for finding in view.findings(test.result)]
    script = _part("script.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            document=document,
            failed=[test for test in tests if test.headline],
            findings=[each for each in found if not _is_quiet(each[1])],
            gil=[view.measured(row) for row in document.get("gil", ())],
            quiet_findings=[each for each in found if _is_quiet(each[1])],
            script=Markup(script),
            # The page's own script may run, and nothing that a value could smuggle in.
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            style=Markup(_part("style.css")),
            tests=tests,
            totals=view.totals([test.result for test in tests]),
            version=__version__,
        )
    )


def summary(tests: Sequence[Mapping[str, Any]], page: Path | None, folder: Path | None) -> str:
    """A section for the page of pytest-html in ``folder``: the verdicts, with a link to racecheck's own ``page``."""
    link = None
    if page is not None and folder is not None:
        link = quote(Path(os.path.relpath(page, folder)).as_posix())
    results = [TestResult.from_json(test) for test in tests]
    template = _environment().get_template("summary.html")
    return template.render(results=results, totals=view.totals(results), link=link)


def _is_quiet(finding: Finding) -> bool:
    return bool(finding.harmless or finding.suppressed)


def _part(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        finalize=_harmless,
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"did": view.did, "pieces": view.pieces, "where": _where, "data": _data}
    return environment


def _harmless(value: object) -> object:
    """What comes out of the code under test may hide or turn round text, and hold what no file can."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _where(place: Any) -> str:
    return view.where(place.file, place.line)


def _data(value: object) -> Markup:
    """JSON in a script element: nothing in it can end the element, or is not ASCII."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
