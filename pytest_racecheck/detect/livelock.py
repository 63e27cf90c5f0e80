"""Says which loops keep threads busy for ever, where nobody is left who could end them."""

from __future__ import annotations

from pytest_racecheck.detect.deadlock import BlockedThread, Diagnosis, diagnose
from pytest_racecheck.detect.waits import enumerate_words
from pytest_racecheck.detect.wording import at, told_apart
from pytest_racecheck.report.model import LIVELOCK, Frame, ThreadReport


def diagnose_livelock(alive: list[BlockedThread], looping: set[str], finished: list[str]) -> Diagnosis:
    """Explains a state in which all threads that are not blocked only look, sleep and look again.

    ``alive``: all threads that have not ended; ``looping``: the ids of those that are not blocked. The rest is as in
    `diagnose`.
    """
    as_deadlock = diagnose(alive, finished)
    threads = as_deadlock.threads
    loops = [thread for thread in threads if thread.id in looping]
    for thread in loops:
        thread.state, thread.waits_for, thread.waits_on = "polls", None, []
    with told_apart(thread.stack[-1].file for thread in loops if thread.stack):
        told = "; ".join(f"{thread.id} polls{_where(thread.stack)}" for thread in loops)
    others = [thread for thread in threads if thread.id not in looping]
    details = [f"{thread.id} waits for {thread.waits_for}." for thread in others if thread.waits_for]
    return Diagnosis(
        kind=LIVELOCK,
        cycle=f"{told}; no thread is left to change what {_it(loops)} for",
        threads=threads,
        details=details,
        names=as_deadlock.names,
    )


def _where(stack: list[Frame]) -> str:
    if not stack:
        return ""
    frame = stack[-1]
    return f" in {frame.function} ({at(frame.file, frame.line)})"


def _it(loops: list[ThreadReport]) -> str:
    return "it waits" if len(loops) == 1 else f"{enumerate_words([each.id for each in loops])} wait"
