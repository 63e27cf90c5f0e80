"""What a measurement found out, as plain data: the one source of tables, charts and files.

Everything is made of strings, numbers, booleans, lists, dicts and None; ``to_json`` and ``from_json`` are inverse to
each other. Times are in seconds, shares run from 0 to 1.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

Verdict = Literal[
    "GIL-bound",
    "I/O-bound",
    "lock-bound",
    "hand-off-bound",
    "parallel",
    "too fine-grained",
    "mixed",
    "all cores busy",
    "starved of CPU",
    "single-threaded",
    "inconclusive",
]

VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)

#: Where the shares come from, best first.
Tier = Literal["sampled states", "thread clocks", "processor times"]


@dataclass(frozen=True)
class Shares:
    """Where the threads' time went; together 1, but for rounding.

    ``computing``, waiting for the ``gil``, for ``locks`` of the application, for a ``processor``, for input, output or
    time (``io``), and for ``signals``: for another thread to put, set, notify or end something.
    """

    computing: float = 0.0
    gil: float = 0.0
    locks: float = 0.0
    processor: float = 0.0
    io: float = 0.0
    signals: float = 0.0


@dataclass
class HotLine:
    """A line and its share of the samples in which some thread held the GIL."""

    file: str
    line: int
    function: str
    share: float


@dataclass
class Convoy:
    """A thread that does input or output is slowed by one that computes.

    The latencies are those of one operation of ``victim``, about, with the default and with a short switch interval.
    """

    victim: str
    computes: str
    interval: float
    latency: float
    short_interval: float
    short_latency: float


@dataclass
class Measurement:
    """One measured piece of code.

    ``name``: the test's node id, or what was given to ``gil.compare``. ``threads``: so many at once. ``serial`` and
    ``threaded``: seconds (medians), None where there is none; ``speedup`` their ratio, ``ideal`` what it could be,
    ``cpu_use`` processors used on average. ``verdict`` with ``why``, a phrase of numbers; ``detail`` narrows it down
    ("computing inside"); ``advice`` is one sentence. ``tier`` says where the shares come from, ``tier_reason`` why it
    is not the best one, ``confidence`` is high, medium or low; ``disturbed``: other programs
    took a part of the processors. ``runs``: how many of each kind; ``spread`` of the
    ratio. ``lock`` is the lock most waited for and ``lock_lines`` the lines that hold it, as (file, line).
    ``hot_lines_reason`` says why there are no ``hot_lines``. ``limits``: what the marker asked for and did not get.
    """

    name: str
    threads: int = 0
    cores: int = 1
    serial: float | None = None
    threaded: float | None = None
    speedup: float | None = None
    ideal: float | None = None
    cpu_use: float = 0.0
    shares: Shares = field(default_factory=Shares)
    switches_per_second: float = 0.0
    verdict: Verdict = "inconclusive"
    detail: str = ""
    why: str = ""
    advice: str = ""
    tier: Tier = "sampled states"
    tier_reason: str = ""
    confidence: str = "high"
    disturbed: bool = False
    runs: int = 0
    spread: float | None = None
    lock: str = ""
    lock_lines: list[tuple[str, int]] = field(default_factory=list)
    convoy: Convoy | None = None
    hot_lines: list[HotLine] = field(default_factory=list)
    hot_lines_reason: str = ""
    limits: list[str] = field(default_factory=list)
    python: str = ""
    free_threaded: bool = False
    switch_interval: float = 0.005
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.advice or f"{self.verdict}: {self.why}"

    def to_json(self) -> dict[str, Any]:
        """Dicts, lists, strings, numbers, booleans and None only."""
        data = dataclasses.asdict(self)
        data["lock_lines"] = [list(line) for line in self.lock_lines]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Measurement:
        """The inverse of ``to_json``. Fields that it doesn't know are ignored: newer versions may add some."""
        known = {spec.name: data[spec.name] for spec in dataclasses.fields(cls) if spec.name in data}
        known["shares"] = _made(Shares, known.get("shares") or {})
        known["convoy"] = _made(Convoy, known["convoy"]) if known.get("convoy") else None
        known["hot_lines"] = [_made(HotLine, each) for each in known.get("hot_lines", ())]
        known["lock_lines"] = [(file, line) for file, line in known.get("lock_lines", ())]
        return cls(**known)


def _made(cls: Any, data: dict[str, Any]) -> Any:
    return cls(**{spec.name: data[spec.name] for spec in dataclasses.fields(cls) if spec.name in data})
