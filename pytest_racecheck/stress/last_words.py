"""The last operations of each thread of a failing run, as the report's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_racecheck.detect.code import code_at
from pytest_racecheck.report.model import Step, ThreadReport

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access, Site
    from pytest_racecheck.stress.run import StressRun


def last_operations(run: StressRun) -> tuple[Step, ...]:
    """In the order in which the threads came to them, which is about the order in which they were carried out."""
    noted = sorted(
        (
            (number, thread.label, kind, access, site)
            for thread in run.threads
            for number, kind, access, site in list(thread.recent)
            if site is not None
        ),
        key=lambda each: each[0],
    )
    return tuple(
        _step(position, label, kind, access, site)
        for position, (_, label, kind, access, site) in enumerate(noted, start=1)
    )


def _step(number: int, thread: str, kind: str, access: Access | None, site: Site) -> Step:
    source = site.source if access is not None else ""
    text = code_at(site.file, site.line)
    step = Step(
        n=number,
        thread=thread,
        file=site.file,
        line=site.line,
        column=site.column,
        source=site.source,
        operation=kind,
        resource=access.name if access is not None and not access.container else source,
        code=text.strip() or site.source,
    )
    indent = len(text) - len(text.lstrip())
    start, end = max(0, site.column - indent), min(len(step.code), site.end_column - indent)
    if access is not None and site.end_line == site.line and start < end:
        step.mark_start, step.mark_end = start, end
    return step


def threads_of(run: StressRun) -> tuple[ThreadReport, ...]:
    """Every thread and what it is doing."""
    return tuple(
        ThreadReport(
            id=thread.label,
            name=thread.name,
            function=thread.function or "test",
            state="finished" if thread.ended or thread is run.main else "alive",
        )
        for thread in run.threads
    )
