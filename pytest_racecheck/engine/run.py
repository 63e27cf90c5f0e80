"""What one interleaving came to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_racecheck.detect.deadlock import Diagnosis
    from pytest_racecheck.engine.recorder import Recording
    from pytest_racecheck.engine.schedule import MarkedDeviation, Schedule
    from pytest_racecheck.report.model import Step, ThreadReport
    from pytest_racecheck.stacks.collect import Hang

Kind = Literal["passed", "failed", "deadlock", "livelock", "hang", "limit"]


@dataclass(slots=True)
class Run:
    """One interleaving, over. ``trace`` names its class: equivalent interleavings have the same.

    Only runs with as many ``known`` accesses, those that had turned out to matter by then, can be compared that way.
    """

    kind: Kind
    error: BaseException | None
    thread: str
    diagnosis: Diagnosis | None
    hang: str
    schedule: Schedule
    preemptions: int
    points: int
    threads: int
    trace: int
    known: int
    napped: bool
    uncontrolled: tuple[str, ...]
    #: What the runs so far did that racecheck does not model, as far as that was looked for.
    gaps: tuple[str, ...] = ()
    recording: Recording | None = None
    #: Why the test skipped itself, in this interleaving alone.
    skipped: str = ""
    #: Where everything was when time ran out.
    state: Hang | None = None
    #: How often the baton was taken away from a thread that blocked without telling.
    taken: int = 0
    #: Under stress: the test slept or waited with a time-out.
    timed: bool = False
    #: Under stress: the machine was so slow that the test may have failed for that.
    disturbed: bool = False
    #: Under stress, of a run that failed: the last operations of each thread, and the threads.
    last: tuple[Step, ...] = ()
    last_threads: tuple[ThreadReport, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the interleaving broke the test."""
        return self.kind in ("failed", "deadlock", "livelock", "hang")

    @property
    def marked(self) -> tuple[MarkedDeviation, ...]:
        """The schedule of a run that was recorded, in a form that holds in other processes. Empty if it was not."""
        marks = {} if self.recording is None else self.recording.marks
        return tuple((marks[path, ops], target) for path, ops, target in self.schedule if (path, ops) in marks)

    def same_failure(self, other: Run) -> bool:
        """Whether both broke the test in the same way: the same exception at the same place, or waits alike."""
        if self.kind != other.kind:
            return False
        if self.kind in ("deadlock", "livelock"):
            mine, its = self.diagnosis, other.diagnosis
            return mine is not None and its is not None and _cycle(mine) == _cycle(its)
        return type(self.error) is type(other.error) and _place(self.error) == _place(other.error)


def _cycle(diagnosis: Diagnosis) -> tuple[str, list[str]]:
    """What a deadlock is about, whichever of the threads is called T1; of a loop, whichever of its lines one is at."""
    parts = diagnosis.cycle.split(";")
    return diagnosis.kind, sorted(re.sub(r"\b(T[\d.]+|main)\b| \([^()]+:\d+\)", "", part) for part in parts)


def _place(error: BaseException | None) -> tuple[str, int] | None:
    trace = None if error is None else error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
