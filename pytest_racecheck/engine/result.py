"""From what the engine has in its hands to what a report needs: plain data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_racecheck.engine.peek import show
from pytest_racecheck.engine.schedule import encode
from pytest_racecheck.report.model import Failure, Preemption, Step, ThreadReport, Verdict

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Site
    from pytest_racecheck.engine.recorder import Recorded, Recording, Switch
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.engine.thread import ControlledThread


def build_failure(
    verdict: Verdict, run: Run, reproduced: tuple[int, int], raised: BaseException | None, *, naps: bool
) -> Failure:
    """The failure of a run that was recorded (with less detail if it was not)."""
    recording = run.recording
    diagnosis = run.diagnosis
    failure = Failure(
        kind=verdict,
        exception=type(raised).__name__ if raised is not None else "",
        message=_first_line(raised),
        token=_token(run, recording, naps),
        reproduced=reproduced,
    )
    if recording is not None:
        failure.preemptions = [_preemption(switch) for switch in recording.switches if switch.can_go_on]
        failure.steps = _steps(recording)
        failure.threads = _threads(recording)
    if diagnosis is not None:
        failure.threads = diagnosis.threads
        failure.cause = diagnosis.kind
        failure.message = diagnosis.cycle
        failure.details = diagnosis.details
        failure.advice = diagnosis.advice
    return failure


def _first_line(error: BaseException | None) -> str:
    text = "" if error is None else str(error)
    return text.partition("\n")[0]


def _token(run: Run, recording: Recording | None, naps: bool) -> str:
    if recording is None:
        return ""
    entries = []
    for path, ops, target in run.schedule:
        mark = recording.marks.get((path, ops))
        if mark is not None:
            entries.append((mark, target))
    return encode(entries, naps)


def _preemption(switch: Switch) -> Preemption:
    site = switch.site
    return Preemption(
        thread=switch.source.label,
        file=site.file if site else "",
        line=site.line if site else 0,
        source=site.source if site else "",
        to=switch.target.label,
    )


def _steps(recording: Recording) -> list[Step]:
    reasons = {switch.after: switch for switch in recording.switches}
    steps: list[Step] = []
    for number, operation in enumerate(recording.operations):
        switch = reasons.get(number + 1)
        if not operation.shared and switch is None:
            continue
        site = operation.site
        steps.append(
            Step(
                n=len(steps) + 1,
                thread=operation.thread.label,
                file=site.file if site else "",
                line=site.line if site else 0,
                column=site.column if site else 0,
                source=site.source if site else "",
                operation=operation.kind,
                resource=_resource(operation, site),
                before=operation.before,
                after=operation.after,
                switch=_reason(switch) if switch is not None else None,
            )
        )
    return steps


def _resource(operation: Recorded, site: Site | None) -> str:
    if operation.name:
        return _location(operation.name, site.source if site is not None else "")
    resource = operation.resource
    if operation.kind == "end":
        return ""
    if isinstance(resource, str):
        return resource
    label = getattr(resource, "label", None) or getattr(resource, "name", None)
    if isinstance(label, str):
        return label
    return _lock_expression(site.source) if site is not None else show(resource)


def _location(name: str, source: str) -> str:
    """What an access is about: the name of an attribute or variable, the expression of a container or its item."""
    receiver, called, _ = source.partition(f".{name}(")
    if called:
        return receiver
    return name if name.isidentifier() or not source else source


def _lock_expression(source: str) -> str:
    """The lock in a statement that takes or releases it."""
    found = re.match(r"(?:async )?with (.+?)(?: as \w+)?:|.*?([\w.\[\]]+)\.(?:acquire|release)\(", source)
    return (found[1] or found[2]) if found else source


def _reason(switch: Switch) -> str:
    if switch.can_go_on:
        return "preempted"
    if switch.kind == "end":
        return "ended"
    if switch.kind == "sleep":
        return "sleeps"
    owner = getattr(switch.resource, "owner", None)
    if owner is not None:
        return f"blocked on a lock held by {owner.label}"
    label = getattr(switch.resource, "label", None)
    return f"waits for {label}" if label is not None else "blocked"


def _threads(recording: Recording) -> list[ThreadReport]:
    seen: dict[ControlledThread, None] = {}
    for operation in recording.operations:
        seen.setdefault(operation.thread)
    return [
        ThreadReport(
            id=thread.label,
            name=thread.name,
            function=thread.function or "test",
            state="finished" if thread.ended or thread.path == "0" else "alive",
        )
        for thread in sorted(seen, key=lambda thread: thread.index)
    ]
