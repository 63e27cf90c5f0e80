"""The verdict on recorded measurements (CPython 3.13, two cores)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_racecheck.gil.classify import Numbers, classify

BASE = Numbers(
    threads=2,
    cores=2,
    threaded=0.5,
    serial=0.5,
    longest=0.5,
    use=1.0,
    computing=0.5,
    gil=0.0,
    locks=0.0,
    queued=0.0,
    waiting=0.0,
    signals=0.0,
    switches=100.0,
    speedup=1.0,
)


def of(**changes: float | None) -> dict[str, Any]:
    return changes


RECORDED = {
    "count down x2": (of(use=0.98, computing=0.50, gil=0.49, switches=576), "GIL-bound"),
    "count down x4": (of(threads=4, use=0.99, computing=0.26, gil=0.70, queued=0.04, switches=928), "GIL-bound"),
    "sleep x10": (of(threads=10, use=0.0, computing=0.0, waiting=1.0, speedup=9.94), "I/O-bound"),
    "sleep in a lock x4": (of(threads=4, use=0.0, computing=0.0, locks=0.62, waiting=0.38), "lock-bound"),
    "compute in a lock x4": (of(threads=4, use=0.98, computing=0.29, gil=0.01, locks=0.67), "lock-bound"),
    "fine-grained lock x2": (of(use=0.93, computing=0.47, gil=0.05, locks=0.66, switches=29_287), "hand-off-bound"),
    "the same, much in the system": (of(use=1.49, computing=0.75, locks=0.69, switches=33_057), "hand-off-bound"),
    "zlib x2": (of(use=1.70, computing=0.96, queued=0.03, speedup=1.76, switches=10), "parallel"),
    "sha256 of 4 KB x2": (of(use=1.63, computing=0.85, gil=0.04, switches=26_560, speedup=0.84), "too fine-grained"),
    "the same, larger": (of(use=1.60, computing=0.90, switches=900, speedup=1.1), "too fine-grained"),
    "json.dumps x2": (of(use=0.98, computing=0.52, gil=0.47, switches=498, speedup=0.98), "GIL-bound"),
    "queue": (of(use=1.44, computing=0.90, gil=0.03, signals=0.71, switches=33_888), "hand-off-bound"),
    "pbkdf2 x4": (of(threads=4, use=1.88, computing=0.49, queued=0.51, speedup=1.98), "all cores busy"),
    "sleep and compute x2": (of(use=0.82, computing=0.41, gil=0.05, waiting=0.53, speedup=1.66), "mixed"),
    "one long, one short": (of(use=1.0, computing=0.84, gil=0.16, longest=0.91), "single-threaded"),
    "regular expressions x2, two each": (
        of(use=0.99, computing=0.79, gil=0.1996, queued=0.01, switches=141, speedup=0.99, longest=0.5),
        "GIL-bound",
    ),
    "ping-pong over a socket": (
        of(serial=None, speedup=None, use=0.77, computing=0.39, queued=0.26, waiting=0.36, switches=54_000),
        "hand-off-bound",
    ),
    "fsync x4 on a fast disk": (
        of(threads=4, use=0.72, computing=0.18, queued=0.26, waiting=0.56, switches=53_000, speedup=1.6),
        "mixed",
    ),
    "fsync x4": (of(threads=4, use=0.09, computing=0.03, waiting=0.9, switches=8_000, speedup=3.9), "I/O-bound"),
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded(name: str) -> None:
    changes, verdict = RECORDED[name]
    assert classify(replace(BASE, **changes)).verdict == verdict


def test_what_happens_inside_the_lock() -> None:
    inside = of(threads=4, locks=0.62, gil=0.0)
    assert classify(replace(BASE, **inside, use=0.0, computing=0.0)).detail == "waiting inside"
    assert classify(replace(BASE, **inside, use=0.97, computing=0.3)).detail == "computing inside"


BUSY = {
    # The same programs, measured while other programs had the processors.
    "sha256 of 64 MB x2": of(use=1.04, computing=0.64, queued=0.36, speedup=1.07),
    "fine-grained lock x2": of(use=0.84, computing=0.42, queued=0.57, locks=0.49, switches=934, speedup=0.94),
    "its lock held without a processor": of(use=0.6, computing=0.3, queued=0.24, locks=0.45, switches=934),
    "its lock got without a processor": of(use=0.9, computing=0.45, queued=0.5, locks=0.51, switches=400),
    "zlib x2": of(use=1.26, computing=0.70, queued=0.2, speedup=1.07),
    "half of a core for two": of(use=0.5, computing=0.75, queued=0.2, speedup=1.07),
}


@pytest.mark.parametrize("name", BUSY)
def test_a_busy_machine_is_not_blamed_on_the_program(name: str) -> None:
    assert classify(replace(BASE, **BUSY[name])).verdict == "starved of CPU"


def test_handing_over_shows_on_a_busy_machine_too() -> None:
    busy = replace(BASE, use=0.65, computing=0.36, queued=1.25, signals=0.72, gil=0.2, switches=144_562)
    assert classify(busy).verdict == "hand-off-bound"
    assert classify(replace(busy, switches=900)).verdict == "starved of CPU"


def test_waiting_for_a_processor_is_no_waiting_for_input() -> None:
    waiting = replace(BASE, use=0.34, computing=0.18, queued=0.19, gil=0.1, waiting=0.53)
    assert classify(waiting).verdict == "mixed"
    assert classify(replace(waiting, queued=0.0, computing=0.1, use=0.2)).verdict == "I/O-bound"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (of(threaded=0.004), "too short"),
        (of(use=0.0, computing=0.0, waiting=1.0, serial=None, speedup=None), ""),
        (of(use=0.9, computing=0.55, signals=0.6, gil=0.1), "take turns"),
        (of(use=0.6, computing=0.3, gil=0.1), "no single thing"),
    ],
)
def test_no_verdict_without_grounds(changes: dict[str, Any], reason: str) -> None:
    found = classify(replace(BASE, **changes))
    assert found.verdict == "inconclusive"
    assert reason in found.why


def test_one_thread_is_no_matter_of_threads() -> None:
    assert classify(replace(BASE, threads=1, threaded=0.001)).verdict == "single-threaded"


def test_some_verdicts_stand_without_a_serial_run() -> None:
    bare = replace(BASE, serial=None, speedup=None)
    assert classify(replace(bare, gil=0.47)).verdict == "GIL-bound"
    assert classify(replace(bare, use=0.93, signals=0.67, switches=32_513)).verdict == "hand-off-bound"
    assert classify(replace(bare, use=1.9, computing=0.95)).verdict == "parallel"
