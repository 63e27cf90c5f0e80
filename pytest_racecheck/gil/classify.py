"""The verdict: a pure function of what was measured. The rules are tried in order; the first that fits is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pytest_racecheck.gil.model import Verdict

#: Voluntary switches a second from which on threads are busy with handing over.
CHATTY: Final = 5_000
#: So much waiting for locks and signals means, with that, handing over on any number of processors.
HANDING_OVER: Final = 0.3
#: Processors in use from which on threads run in parallel, the GIL notwithstanding.
PARALLEL: Final = 1.25
#: Without the sampler, the GIL is the explanation of waiting only if it was taken for nearly all of the time.
SATURATED: Final = 0.85
#: A run shorter than this (in seconds) says more about the clocks than about the program.
SHORTEST: Final = 0.005
#: A thread that has no processor waits longer than this each time (seconds); whoever is woken up waits as well.
WAKING_UP: Final = 0.000_05
#: A speed-up of less is none.
NO_GAIN: Final = 1.15
#: So much of a serial run without a processor means that other programs have it.
DISTURBED: Final = 0.1


@dataclass(frozen=True)
class Numbers:
    """What the rules look at. Times in seconds; shares are of the threads' time without their waits for signals.

    ``threads`` at once, on ``cores``; ``threaded`` wall time, ``serial`` the same one after the other (None: could not
    be had), ``longest``: the longest thread of it, as a share; ``use``: processors used on average; ``computing``,
    ``gil``, ``locks``, ``queued`` and ``waiting`` (input, output, time); ``signals``: the share of all time that was
    left out; ``switches`` voluntary ones a second; ``speedup``; ``queued_serial``: as ``queued``, in the serial run;
    ``sampled``: the shares were seen by the sampler.
    """

    threads: int
    cores: int
    threaded: float
    serial: float | None
    longest: float
    use: float
    computing: float
    gil: float
    locks: float
    queued: float
    waiting: float
    signals: float
    switches: float
    speedup: float | None
    queued_serial: float = 0.0
    sampled: bool = True

    @property
    def wanted(self) -> float:
        """Processors that the threads would use on a machine of their own, about."""
        if self.computing < DISTURBED:  # it takes a while to wake up when the processors are taken
            return self.use
        return max(self.use, (self.computing + self.queued) * self.threads)

    @property
    def delay(self) -> float:
        """How long a thread that can go on waits for a processor each time, in seconds, about."""
        return self.queued * (1 - self.signals) * self.threads / max(self.switches, 1.0)

    @property
    def on_locks(self) -> float:
        """The share of all time that goes into waiting for locks and signals."""
        return self.locks * (1 - self.signals) + self.signals

    @property
    def width(self) -> int:
        """How many can run at once at most."""
        return min(self.threads, self.cores)


class Found(NamedTuple):
    """A verdict, what narrows it down, and the numbers that speak for it."""

    verdict: Verdict
    detail: str
    why: str


def classify(n: Numbers) -> Found:
    """The verdict on ``n``: which is ``inconclusive`` rather than wrong."""
    if n.threads < 2:
        return Found("single-threaded", "", "there are never two threads at work at once")
    if n.threaded < SHORTEST:
        why = f"the threads live for {n.threaded * 1000:.1f} ms, too short to be measured: give them more to do"
        return Found("inconclusive", "too short", why)
    for rule in (_no_processor, _handing_over, _lock, _gil, _parallel, _io, _lopsided, _kept):
        found = rule(n)
        if found is not None:
            return _only_if_certain(n, found)
    if n.signals >= 0.5:
        why = f"the threads take turns: for {n.signals:.0%} of their time they wait for each other"
        return Found("inconclusive", "taking turns", why)
    if max(n.queued * (1 - n.signals), n.queued_serial) > DISTURBED:
        return Found("starved of CPU", "", "other programs take a part of the processors, and nothing else stands out")
    return Found("inconclusive", "", "no single thing takes much of the threads' time")


def _no_processor(n: Numbers) -> Found | None:
    if n.queued * (1 - n.signals) <= 0.25 or n.queued < max(n.gil, n.locks):
        return None
    # A busy machine makes switches less, not more.
    if n.switches > CHATTY and (n.on_locks >= HANDING_OVER or n.delay < WAKING_UP):
        return None
    if n.use >= 0.85 * n.width and n.threads > n.cores:
        return Found("all cores busy", "", f"{n.threads} threads use {n.use:.1f} of {n.cores} cores")
    share = n.queued * (1 - n.signals)
    why = f"the threads could run and had no processor for {share:.0%} of their time: the machine is busy"
    return Found("starved of CPU", "", why)


def _handing_over(n: Numbers) -> Found | None:
    on_all = n.on_locks + n.gil * (1 - n.signals)
    if n.serial is None:  # they need each other, by whatever they talk
        on_all += n.waiting
    # Handing over is itself work for the system, so that more than one processor may be at it.
    if n.switches > CHATTY and ((n.use < PARALLEL and on_all >= 0.15) or n.on_locks >= HANDING_OVER):
        return Found("hand-off-bound", "", f"the threads change {n.switches / 1000:,.0f} thousand times a second")
    return None


def _lock(n: Numbers) -> Found | None:
    if n.locks < 0.2 or n.locks < n.gil:
        return None
    # Whoever got the lock and has no processor yet counts twice: that much is no waiting for the lock.
    twice = max(0.0, n.computing + n.gil + n.locks + n.queued - 1)
    many = n.switches > CHATTY / 10 and n.use < 0.85
    if n.queued > DISTURBED and (many or n.locks - twice < 0.2):
        return Found("starved of CPU", "", f"no processor for {n.queued:.0%} of the time, many short waits for locks")
    inside = "computing inside" if n.use > 0.5 or n.computing > n.waiting else "waiting inside"
    return Found("lock-bound", inside, f"{n.locks:.0%} of the threads' time goes into waiting for a lock")


def _gil(n: Numbers) -> Found | None:
    if n.gil >= 0.2 and n.use < PARALLEL:
        return Found("GIL-bound", "", f"{min(n.gil, 1):.0%} of the threads' time goes into waiting for the GIL")
    return None


def _kept(n: Numbers) -> Found | None:
    """Threads that never let go of the GIL seem not to wait for it: when they begin, the others are done."""
    alone = max(n.queued, n.queued_serial) < DISTURBED and n.locks + n.waiting + n.signals < DISTURBED
    gains = n.speedup is None or n.speedup > NO_GAIN or n.longest >= 0.7
    if alone and not gains and n.gil >= 0.05 and SATURATED <= n.use < PARALLEL:
        why = f"one thread at a time computes, for a speed-up of {n.speedup:.2f}: each keeps the GIL for long"
        return Found("GIL-bound", "kept for long", why)
    return None


def _parallel(n: Numbers) -> Found | None:
    # With more threads than cores, none of them can compute all the time.
    if n.use < PARALLEL or n.computing < 0.5 * n.width / n.threads:
        return None
    if n.switches > CHATTY:
        why = f"{n.use:.1f} cores in use, yet {n.switches / 1000:,.0f} thousand switches a second"
        return Found("too fine-grained", "", why)
    if n.speedup is not None and n.speedup < 0.6 * n.width:
        if max(n.queued, n.queued_serial) > DISTURBED:
            why = f"{n.use:.1f} cores in use, but other programs took {max(n.queued, n.queued_serial):.0%} of the time"
            return Found("starved of CPU", "", why)
        why = f"{n.use:.1f} cores in use for a speed-up of {n.speedup:.2f}"
        return Found("too fine-grained", "", why)
    return Found("parallel", "", f"{n.use:.1f} cores in use")


def _io(n: Numbers) -> Found | None:
    if n.waiting >= 0.5 and n.wanted < 0.5:
        return Found("I/O-bound", "", f"{n.waiting:.0%} of the threads' time is waiting for input, output or time")
    if n.waiting >= 0.25:
        why = f"{n.computing:.0%} of the threads' time is computing, {n.waiting:.0%} waiting"
        return Found("mixed", "", why)
    return None


def _lopsided(n: Numbers) -> Found | None:
    """Nothing is in the way, and yet there is little that could run at once."""
    if n.computing >= 0.7 and n.longest >= 0.7 and n.gil + n.locks < 0.2:
        why = f"one thread does {n.longest:.0%} of the work"
        return Found("single-threaded", "one thread does the work", why)
    return None


def _only_if_certain(n: Numbers, found: Found) -> Found:
    """Some verdicts need the serial run, or the sampler, to stand on."""
    if n.serial is None and found.verdict in ("I/O-bound", "mixed", "single-threaded"):
        return Found("inconclusive", "no serial run", "")
    return found
