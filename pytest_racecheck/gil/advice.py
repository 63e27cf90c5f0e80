"""One sentence of advice for each verdict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_racecheck.gil.model import Measurement

# What the ways out of the GIL reach of the ideal speed-up, and seconds that they take to start: measured with a
# countdown in two threads on two cores (CPython 3.13).
_PROCESSES = (0.92, 0.012)
_INTERPRETERS = (0.95, 0.007)
_FREE_THREADED = 0.87


def advice(m: Measurement) -> str:
    """What a reader should know and may do; ``m`` is complete but for this."""
    text = _ADVICE[m.verdict](m)
    return f"{text}; {_convoy(m)}" if m.convoy is not None else text


def _gain(m: Measurement) -> str:
    if m.speedup is None or m.ideal is None:
        return f"{m.threads} threads"
    return f"{m.threads} threads, speed-up {m.speedup:.2f} of {m.ideal:.1f} possible"


def _gil(m: Measurement) -> str:
    text = f"GIL-bound: {_gain(m)}"
    if m.serial is None or m.ideal is None:
        return f"{text}; processes would not wait for it"
    part, start = _PROCESSES
    ways = f"processes would give about {_estimate(m.serial, m.ideal * part, start):.1f}"
    if sys.version_info >= (3, 12):
        part, start = _INTERPRETERS
        ways += f", sub-interpreters {_estimate(m.serial, m.ideal * part, start * m.threads):.1f}"
    return f"{text}; {ways}, a free-threaded build {max(1.0, m.ideal * _FREE_THREADED):.1f}"


def _estimate(serial: float, reached: float, start: float) -> float:
    return serial / (serial / max(1.0, reached) + start)


def _io(m: Measurement) -> str:
    return f"I/O-bound: {_gain(m)}; threads are the right means, asyncio would be another"


def _lock(m: Measurement) -> str:
    lock = m.lock or "one lock"
    where = f", held at {_places(m)}" if m.lock_lines else ""
    if m.detail == "computing inside":
        return f"lock-bound: {_gain(m)}; they compute while they hold {lock}{where}: compute before or after"
    return f"lock-bound: {_gain(m)}; they wait while they hold {lock}{where}: wait before or after"


def _places(m: Measurement) -> str:
    from pytest_racecheck.report.terminal import place

    return " and ".join(place(file, line, 60, "...") for file, line in m.lock_lines[:2])


def _hand_off(m: Measurement) -> str:
    through = f" through {m.lock}" if m.lock else ""
    rate = f"{m.switches_per_second / 1000:,.0f} thousand times a second"
    return f"hand-off-bound: {_gain(m)}; they change {rate}{through}: hand over more at a time"


def _parallel(m: Measurement) -> str:
    return f"parallel: {_gain(m)}; the work is done without the GIL"


def _fine(m: Measurement) -> str:
    return f"too fine-grained: {_gain(m)}; each step outside of the GIL is short: give each call more to do"


def _mixed(m: Measurement) -> str:
    return f"mixed: {_gain(m)}; {m.why}: threads hide the waiting, processes would share the computing"


def _cores(m: Measurement) -> str:
    return f"all cores busy: {_gain(m)}; more threads than {m.cores} gain nothing here"


def _starved(m: Measurement) -> str:
    return f"starved of CPU: {m.why}; measure again when it is idle"


def _single(m: Measurement) -> str:
    return f"single-threaded: {m.why}"


def _inconclusive(m: Measurement) -> str:
    return f"inconclusive: {m.why}"


_ADVICE = {
    "GIL-bound": _gil,
    "I/O-bound": _io,
    "lock-bound": _lock,
    "hand-off-bound": _hand_off,
    "parallel": _parallel,
    "too fine-grained": _fine,
    "mixed": _mixed,
    "all cores busy": _cores,
    "starved of CPU": _starved,
    "single-threaded": _single,
    "inconclusive": _inconclusive,
}


def _convoy(m: Measurement) -> str:
    c = m.convoy
    if c is None:
        return ""
    return (
        f"convoy: {c.victim} waits for {c.computes} at each step, {c.latency * 1000:.2f} ms at a switch interval of "
        f"{c.interval * 1000:g} ms, {c.short_latency * 1000:.2f} ms at {c.short_interval * 1000:g} ms"
    )
