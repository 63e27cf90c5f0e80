"""Findings that somebody has looked at and lives with: lines of the ini file, ``kind:pattern`` each.

The pattern, in the language of `fnmatch`, has to occur in one of the finding's places, which are written as
``path/of/file.py:line function resource``: the function is the one that the place is in. Where a place is not known,
that is the function that the thread was started with, and the resource.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.report.model import Finding


def suppress(finding: Finding, suppressions: tuple[str, ...]) -> None:
    """Notes on ``finding`` the first line that it matches."""
    for line in suppressions:
        kind, _, pattern = line.partition(":")
        if kind == finding.kind and any(fnmatchcase(text, f"*{pattern.strip()}*") for text in _texts(finding)):
            finding.suppressed = line
            return


def _texts(finding: Finding) -> list[str]:
    return [
        f"{site.file.replace(chr(92), '/')}:{site.line} {site.within} {finding.resource}"
        if site.file
        else f"{site.function} {finding.resource}"
        for site in finding.sites
    ]
