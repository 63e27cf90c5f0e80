"""Strategies: oracles that choose who runs next. One file each; none of them ever touches a thread."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.strategy.base import Strategy

#: Those that choose who runs next.
NAMES: Final = ("auto", "exhaustive", "directed", "surw", "pos", "pct", "random")

#: What ``--racecheck-strategy`` takes: under ``stress`` nobody chooses but the operating system.
CHOICES: Final = (*NAMES, "stress")


def is_name(name: str) -> bool:
    """Whether a strategy is called that: one of `CHOICES`, or "pct:5" for PCT of depth 5 in each run."""
    strategy, colon, depth = name.partition(":")
    if colon:
        return strategy == "pct" and depth.isascii() and depth.isdigit() and int(depth) > 0
    return name in CHOICES


def look_of(chosen: Strategy) -> Strategy | None:
    """What has the run before the first one of ``chosen``, in which every access is a choice; None: there is none."""
    from pytest_racecheck.strategy.auto import Auto

    return chosen.look if isinstance(chosen, Auto) else None


def create(name: str, random: Random, interleavings: int) -> Strategy:
    """The strategy called ``name``; all its chances come from ``random``, and it has so many runs."""
    if name == "exhaustive":
        from pytest_racecheck.strategy.exhaustive import Exhaustive

        return Exhaustive()
    if name == "directed":
        from pytest_racecheck.strategy.directed import Directed

        return Directed(random)
    if name == "surw":
        from pytest_racecheck.strategy.surw import Surw

        return Surw(random)
    if name == "pos":
        from pytest_racecheck.strategy.pos import Pos

        return Pos(random)
    if name.startswith("pct"):
        from pytest_racecheck.strategy.pct import DEPTHS, Pct

        depth = name.partition(":")[2]
        return Pct(random, (int(depth),) if depth else DEPTHS)
    if name == "random":
        from pytest_racecheck.strategy.random_walk import RandomWalk

        return RandomWalk(random)
    from pytest_racecheck.strategy.auto import Auto

    return Auto(random, interleavings)
