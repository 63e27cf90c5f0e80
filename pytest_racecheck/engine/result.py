"""From what the engine has in its hands to what a report needs: plain data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect import guards
from pytest_racecheck.detect.calls import with_calls
from pytest_racecheck.detect.clash import Clash, only_looked
from pytest_racecheck.detect.code import code_at
from pytest_racecheck.detect.data_races import data_races
from pytest_racecheck.detect.deadlock import LOCK_ORDER, SELF
from pytest_racecheck.detect.events import Trace
from pytest_racecheck.detect.happens_before import order_of
from pytest_racecheck.detect.patterns import find_clash
from pytest_racecheck.detect.relevance import deadlock_levels, race_levels
from pytest_racecheck.detect.stacks import library_name
from pytest_racecheck.detect.turning_points import turning_points
from pytest_racecheck.detect.waking import advice_on_waking, find_lost_wake_up, with_notifications
from pytest_racecheck.detect.wording import did, told_apart
from pytest_racecheck.engine.places import is_users
from pytest_racecheck.engine.schedule import encode
from pytest_racecheck.report.model import (
    AccessReport,
    DataRace,
    Failure,
    Frame,
    Preemption,
    Step,
    ThreadReport,
    Verdict,
)

#: More steps than that are not told of one run: nobody reads them, and a report of them takes minutes.
MOST_STEPS: Final = 10_000

#: What every thread of a `ThreadPoolExecutor` runs.
_POOLED: Final = "_worker"

_SAME_ORDER: Final = "Take these locks in the same order in every thread."

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from pytest_racecheck.detect.deadlock import Diagnosis
    from pytest_racecheck.detect.events import Event, Turn
    from pytest_racecheck.engine.operation import Site
    from pytest_racecheck.engine.recorder import Recording
    from pytest_racecheck.engine.run import Run
    from pytest_racecheck.report.model import Finding


def build_failure(
    verdict: Verdict,
    run: Run,
    reproduced: tuple[int, int],
    raised: BaseException | None,
    *,
    naps: bool,
    finding: Finding | None = None,
) -> Failure:
    """The failure of a run that was recorded (with less detail if it was not).

    ``finding``: what it fails on, if its own checks pass.
    """
    recording = run.recording
    failure = Failure(
        kind=verdict,
        exception=type(raised).__name__ if raised is not None else "",
        message=_text(raised).partition("\n")[0],
        token="" if recording is None else encode(run.marked, naps),
        reproduced=reproduced,
        finding=None if finding is None else finding.kind,
    )
    failure.raised, failure.raised_in = _where_raised(run)
    if recording is not None:
        failure.threads = _threads(recording)
    else:
        failure.threads, failure.steps = list(run.last_threads), list(run.last)
    if run.state is not None and verdict == "hang":
        failure.threads, failure.folded = run.state.threads, run.state.folded
        failure.processes, failure.stacks_by = run.state.processes, run.state.stacks_by
    if run.diagnosis is not None:
        _add_diagnosis(failure, run.diagnosis, recording)
    if recording is not None:
        with told_apart(event.site.file for event in recording.events if event.site is not None):
            _add_story(failure, recording, _text(raised), finding)
    return failure


def turning_points_of(run: Run, recording: Recording) -> list[tuple[str, int]]:
    """Operations, by thread and number, right after which a switch may say more of what made ``run`` fail."""
    raised, thread = _where_raised(run)
    thrown = type(run.error).__name__
    trace = with_calls(Trace(recording.events, recording.turns, thread, thrown, _text(run.error), raised))
    return [recording.positions[event.n] for event in turning_points(trace)]


def _where_raised(run: Run) -> tuple[Frame | None, str]:
    """The place in the reader's code where its exception was raised, and the thread."""
    if run.error is None:
        return None, ""
    frame, number = _raised_at(run.error)
    if frame is None:
        return None, run.thread
    code = frame.f_code
    # Pools, and `racecheck.run`, raise in the main thread what was raised in another one.
    thread = (run.recording and run.recording.thread_of(frame)) or run.thread
    return Frame(code.co_filename, number, code.co_qualname, code_at(code.co_filename, number).strip()), thread


def _text(error: BaseException | None) -> str:
    try:
        return "" if error is None else str(error)
    except Exception:  # noqa: BLE001 - the user's __str__ may do anything
        return ""


def _add_diagnosis(failure: Failure, diagnosis: Diagnosis, recording: Recording | None) -> None:
    failure.threads = diagnosis.threads
    failure.cause = diagnosis.kind
    failure.message = diagnosis.cycle
    failure.details = diagnosis.details
    failure.advice = diagnosis.advice
    if recording is None:
        return
    recording.rename(diagnosis.names)
    alive = {thread.id for thread in failure.threads}
    failure.ended = [thread for thread in _threads(recording) if thread.id not in alive]
    for thread in failure.threads:
        if thread.id == "main" and recording.main_function:
            thread.function = recording.main_function
        thread.function = _job(thread.id, thread.function, recording)


def _add_story(failure: Failure, recording: Recording, thrown_text: str, finding: Finding | None) -> None:
    """What led to the failure: steps, accesses that clash, data races."""
    events = recording.events
    trace = Trace(events, recording.turns, failure.raised_in, failure.exception, thrown_text, failure.raised)
    told, clash = events, None
    if finding is not None:
        clash = _clash_of(finding, events)
        levels = race_levels(trace, clash)
        failure.advice += [_SAME_ORDER] if finding.kind == "lock-order" else []
    elif failure.is_explained:
        notified = [thread.id for thread in failure.threads if "notify" in (thread.waits_for or "")]
        waiting = notified + [each.id for each in failure.threads if (each.waits_for or "").endswith("to be set")]
        if waiting:
            told = with_notifications(events)
            trace = replace(trace, events=told)
        clash = find_lost_wake_up(trace, waiting)
        if clash is not None and clash.accesses[0].thread in notified:
            failure.advice += filter(None, [advice_on_waking(clash, events)])
        stuck = [thread.id for thread in failure.threads]
        missing = failure.cause not in (LOCK_ORDER, SELF)
        levels = deadlock_levels(trace, stuck, clash.accesses if clash else [], missing=missing)
    else:
        trace = with_calls(trace)
        clash = find_clash(trace) if failure.kind == "race" else None
        levels = race_levels(trace, clash)
    if clash is not None:
        _add_clash(failure, clash, events)
    failure.preemptions = [_preemption(turn) for turn in recording.turns if turn.preempted]
    failure.gave_way = sum(turn.forced for turn in recording.turns)
    failure.steps = _steps(told, recording.turns, levels)
    failure.data_races = [_data_race(first, second) for first, second in data_races(events)]


def _clash_of(finding: Finding, events: list[Event]) -> Clash | None:
    """The two accesses of a data race."""
    lines = {(site.file, site.line) for site in finding.sites}
    for first, second in data_races(events) if finding.kind == "data-race" else []:
        if {first.line, second.line} == lines:
            return Clash([first, second], f"{did(first)}; {did(second)}.", "data race")
    return None


def _add_clash(failure: Failure, clash: Clash, events: list[Event]) -> None:
    accesses = clash.accesses
    names = dict.fromkeys(event.resource for event in accesses)
    resources = [name for name in names if not any(name.startswith(f"{other}[") for other in names)]
    failure.cause = clash.name or failure.cause
    failure.clash = [_access(event) for event in accesses]
    failure.clash_on = " and ".join(resources)
    failure.details = [clash.sentence, *failure.details]
    failure.advice += [clash.advice] if clash.advice else []
    if failure.kind == "race" and len(resources) == 1 and len(accesses) > 1:
        ordering = guards.ordering(accesses, order_of(events))
        advice = guards.advice(accesses, events)
        failure.details += [ordering] if ordering else []
        failure.advice += [advice] if advice else []


def _raised_at(error: BaseException) -> tuple[FrameType | None, int]:
    """The innermost frame of the reader's code that the exception passed, and the line."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if is_users(name) and package not in ("pytest", "_pytest", "pluggy"):
            found = trace
        trace = trace.tb_next
    return (None, 0) if found is None else (found.tb_frame, found.tb_lineno)


def _preemption(turn: Turn) -> Preemption:
    site = turn.site
    return Preemption(
        thread=turn.source,
        file=site.file if site else "",
        line=site.line if site else 0,
        source=site.source if site else "",
        to=turn.target,
    )


def _steps(events: list[Event], changes: list[Turn], levels: list[int]) -> list[Step]:
    turns = {turn.before: turn for turn in changes}
    steps: list[Step] = []
    for index in _worth_telling(len(levels), sorted(turns)):
        event = events[index]
        step = _step(event, levels[index], index + 1)
        turn = turns.get(event.n + 1)
        if turn is not None and turn.source == event.thread:
            step.switch, step.to = turn.why, turn.target
        steps.append(step)
    return steps


def _worth_telling(number: int, turns: list[int]) -> Iterable[int]:
    """Which of so many events: all, or, of a very long run, its beginning, its end and what is next to a switch."""
    if number <= MOST_STEPS:
        return range(number)
    places = [0, *turns, number][-MOST_STEPS // 2 :]
    reach = MOST_STEPS // (2 * len(places))
    near = (range(max(0, place - reach), min(number, place + reach)) for place in places)
    return sorted(set().union(*near))


def _step(event: Event, level: int, number: int) -> Step:
    site = event.site
    step = Step(
        n=number,
        thread=event.thread,
        file=site.file if site else "",
        line=site.line if site else 0,
        column=site.column if site else 0,
        source=site.source if site else "",
        operation=event.call if event.memory and event.call else event.kind,
        resource=event.resource,
        before=event.before,
        after=event.after,
        holds=list(event.holds),
        level=level,
        call=f"{event.call} {event.subject}" if event.subject and event.kind != "file" else "",
    )
    if site is not None:
        _add_code(step, site)
    return step


def _add_code(step: Step, site: Site) -> None:
    """The whole line, and which part of it the step is about."""
    text = code_at(site.file, site.line)
    step.code = text.strip() or site.source
    indent = len(text) - len(text.lstrip())
    start = max(0, site.column - indent)
    end = min(len(step.code), site.end_column - indent if site.end_line == site.line else len(step.code))
    if step.code != site.source and start < end:
        step.mark_start, step.mark_end = start, end


def _access(event: Event) -> AccessReport:
    site = event.site
    return AccessReport(
        thread=event.thread,
        file=site.file if site else "",
        line=site.line if site else 0,
        column=site.column if site else 0,
        source=site.source if site else "",
        operation="read" if only_looked(event) else event.kind,
        holds=list(event.holds),
        stack=list(event.stack),
        before=event.before or None,
        after=None if only_looked(event) else event.after,
    )


def _data_race(first: Event, second: Event) -> DataRace:
    return DataRace(first.resource, _access(first), _access(second))


def _job(thread: str, function: str, recording: Recording) -> str:
    """The function that a thread runs; for one of a pool, the first that it is given to run."""
    if function != _POOLED:
        return function
    stacks = (event.stack for event in recording.events if event.thread == thread and event.stack)
    return next((stack[0].function for stack in stacks if library_name(stack[0].file) is None), function)


def _threads(recording: Recording) -> list[ThreadReport]:
    return [
        ThreadReport(
            id=thread.label,
            name=thread.name,
            function=_job(thread.label, thread.function or recording.main_function or "test", recording),
            state="finished" if thread.ended or thread.path == "0" else "alive",
        )
        for thread in sorted(recording.threads, key=lambda thread: thread.index)
    ]
