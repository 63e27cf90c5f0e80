"""What the threads do and hold, and what shared values are, after each entry of a timeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.report.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_racecheck.report.model import Failure, Step, ThreadReport
    from pytest_racecheck.report.story import Entry

_NOT_BEGUN: Final = "not begun"
_RUNNING: Final = "running"
_READY: Final = "can go on"


@dataclass
class _Thread:
    status: str = _NOT_BEGUN
    holds: list[str] = field(default_factory=list)
    waits_for: str = ""  # the lock that it is blocked on


@dataclass
class _Machine:
    """What is known after the steps so far."""

    threads: dict[str, _Thread]
    values: dict[str, list[str | None]] = field(default_factory=dict)

    def apply(self, step: Step, *, told: bool) -> None:
        thread = self.threads.get(step.thread)
        if thread is not None:
            resource = clean(step.resource)
            thread.holds, thread.waits_for = [clean(lock) for lock in step.holds], ""
            if step.operation == "acquire" and resource:
                thread.holds.append(resource)
            elif step.operation == "release" and resource in thread.holds:
                thread.holds.remove(resource)
            thread.status = clean(step.switch or ("ended" if step.operation == "end" else _RUNNING))
            if thread.status.startswith("blocked"):
                thread.waits_for = resource
        if step.to in self.threads and self.threads[step.to].status != _NOT_BEGUN:
            self.threads[step.to].status, self.threads[step.to].waits_for = _RUNNING, ""
        if told and (step.before, step.after) != (None, None) and step.resource and step.operation != "notify":
            self.values[clean(step.resource)] = [each and clean(each) for each in (step.before, step.after)]

    def stop(self, threads: list[ThreadReport]) -> None:
        """How they stand in the end, which is not always told by a step."""
        for report in threads:
            thread = self.threads.get(report.id)
            if thread is not None and report.waits_for:
                thread.status, thread.waits_for = f"waits for {clean(report.waits_for)}", ""
                thread.holds = [clean(held.resource) for held in report.holds]

    def snapshot(self) -> dict[str, Any]:
        held = {lock for thread in self.threads.values() for lock in thread.holds}
        return {
            "threads": {
                name: [_READY if each.waits_for and each.waits_for not in held else each.status, list(each.holds)]
                for name, each in self.threads.items()
            },
            "values": {name: list(value) for name, value in self.values.items()},
        }


def changes(failure: Failure, told: list[Entry], lanes: Iterable[str], level: int) -> list[dict[str, Any]]:
    """For each entry what it changed: ``{"n", "threads": {id: [status, locks]}, "values": {name: [before, after]}}``.

    ``n`` is the number of the last step that the entry tells. Adding up the changes of the entries so far gives what
    holds when the thread has done what the entry tells. Values of steps beyond ``level`` are not among them.
    """
    machine = _Machine({lane: _Thread() for lane in lanes})
    steps = failure.steps
    found: list[dict[str, Any]] = []
    before: dict[str, Any] = {"threads": {}, "values": {}}
    at = n = 0
    for entry, until in zip(told, _ends(told, len(steps)), strict=True):
        while at < until:
            machine.apply(steps[at], told=steps[at].level <= level)
            at += 1
        if entry.turn and not entry.steps and not entry.error and entry.thread in machine.threads:
            machine.threads[entry.thread].status = entry.turn  # the end of a deadlock
        if entry is told[-1] and failure.is_explained:
            machine.stop(failure.threads)
        after = machine.snapshot()
        change = {
            part: {name: value for name, value in after[part].items() if before[part].get(name) != value}
            for part in ("threads", "values")
        }
        # Written once more with the same value: still what this entry did.
        change["values"] |= {
            name: after["values"][name]
            for name in (clean(steps[each - 1].resource) for each in entry.steps)
            if name in after["values"]
        }
        n = max([n, *entry.steps])
        found.append({"n": n, **change})
        before = after
    return found


def _ends(told: list[Entry], total: int) -> list[int]:
    """How many steps have been carried out when the thread has done what each of the entries tells."""
    begins: list[int] = []  # with which step the next entry begins that has any
    begin = total + 1
    for entry in reversed(told):
        begins.insert(0, begin)
        begin = min(entry.steps, default=begin)
    ends: list[int] = []
    last = 0
    for number, entry in enumerate(told):
        last = max([last, *entry.steps])
        folded = number + 1 < len(told) and told[number + 1].folded
        # What was left out goes with what comes next; steps of threads without a lane go with what came before.
        if entry.steps and not folded:
            last = max(last, begins[number] - 1)
        ends.append(last)
    return ends
