"""The data races of all interleavings of a test: each pair of places in the source once.

`pytest_racecheck.detect.fasttrack` says which accesses race. What is left out on purpose, since an order that nobody
tells us of is no race: accesses to what is known by its name only, those inside ``racecheck.atomic()`` or under a lock
of the standard library that is older than racecheck, and every run in which a thread waited outside of racecheck's
control (a socket, a process).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.detect import peek
from pytest_racecheck.detect.code import code_at
from pytest_racecheck.detect.fasttrack import FastTrack
from pytest_racecheck.detect.stacks import user_frames
from pytest_racecheck.detect.wording import at, told_apart
from pytest_racecheck.engine import older
from pytest_racecheck.engine.names import container_name
from pytest_racecheck.engine.peek import show
from pytest_racecheck.engine.places import is_users
from pytest_racecheck.instrument.variables import Closure
from pytest_racecheck.report.model import Finding, FindingSite

if TYPE_CHECKING:
    from pytest_racecheck.detect.clocks import Clocks
    from pytest_racecheck.engine.operation import Access, Site
    from pytest_racecheck.engine.scheduler import Scheduler
    from pytest_racecheck.engine.thread import ControlledThread

#: So many pairs are kept: a test with more has other worries.
_MOST: Final = 200

_DID: Final = {"read": "reads", "write": "writes", "update": "changes"}

#: What names a pair from run to run: the two places in the source.
Key = frozenset["Site"]


class _Pair:
    __slots__ = ("doubt", "interleaving", "resource", "sides")

    def __init__(self, resource: str, sides: list[tuple[Access, ControlledThread]], doubt: str) -> None:
        self.resource: Final = resource
        #: The accesses in the order of their places, whichever came first, each with label and function of its thread.
        self.sides: Final = sorted(
            ((access, thread.label, thread.function or "test") for access, thread in sides),
            key=lambda side: (side[0].site, side[0].kind, side[1]),
        )
        #: Why it is not certain that both touched the same thing, "" if it is.
        self.doubt: Final = doubt
        self.interleaving = 0


class RacePairs:
    """Told of every access; `begin` and `end` frame a run."""

    def __init__(self) -> None:
        self._pairs: dict[Key, _Pair] = {}
        #: Those of the run so far, whether known or not.
        self.seen: dict[Key, _Pair] = {}

    def begin(self, clocks: Clocks) -> None:
        """A new run."""
        self.seen = {}
        self._track = FastTrack(clocks)

    def access(self, thread: ControlledThread, access: Access, owner: object, key: object) -> None:
        """``thread`` is about to carry out an access to an object that is known."""
        if thread.atomic:
            return
        number = thread.index
        if not access.container:
            earlier = self._track.variable(number, thread.location, access.writes, access, access)
            # What is known by its name only, which has no keeper, may be another object's.
            if thread.also is not None and thread.also.keeper is not None and not earlier:
                earlier = self._track.variable(number, thread.also, access.writes, access, access)
        elif key is not None and access.kind != "update":
            earlier = self._track.item(number, thread.location, key, access.writes, access, access)
        else:
            self._track.operation(number, thread.location, access.writes)
            return
        for other, first in earlier:
            self._add(thread.scheduler, (other, first), (number, access), owner, key)

    def _add(
        self,
        scheduler: Scheduler,
        first: tuple[int, Access],
        second: tuple[int, Access],
        owner: object,
        key: object,
    ) -> None:
        one, two = first[1].site, second[1].site
        name = frozenset((one, two))
        if name in self.seen:
            return
        pair = self._pairs.get(name)
        if pair is None:
            if not (is_users(one.file) and is_users(two.file)) or older.held() or len(self.seen) >= _MOST:
                return
            sides = [(access, scheduler.threads[number]) for number, access in (first, second)]
            thread = sides[1][1]
            thread.quiet += 1
            try:
                pair = _Pair(_resource(second[1], owner, key), sides, _doubt(owner, scheduler))
            finally:
                thread.quiet -= 1
        self.seen[name] = pair

    def end(self, interleaving: int, controlled: bool) -> int:
        """The run is over. ``controlled``: all that orders its threads is known. Returns how many pairs are new."""
        if not controlled:
            self.seen = {}
        known = len(self._pairs)
        for key, pair in self.seen.items():
            if key not in self._pairs and len(self._pairs) < _MOST:
                pair.interleaving = interleaving
                self._pairs[key] = pair
        return len(self._pairs) - known

    def findings(self) -> Iterator[tuple[Key, Finding]]:
        """All of them, in the order in which they were found."""
        by_name: dict[str, list[_Pair]] = {}
        for pair in self._pairs.values():
            by_name.setdefault(pair.resource, []).append(pair)
        for key, pair in self._pairs.items():
            harmless = pair.doubt
            if all(_is_flag(each) for each in by_name[pair.resource]):
                harmless = _FLAG
            yield key, _finding(pair, harmless)


_FLAG: Final = "a flag that one thread sets and others read"
_ONE_A_CALL: Final = "each call of the function around has such a variable; it can't be told which one this was"
_ITS_OWN: Final = "the class says itself what an attribute is, and that need not be memory"


def _finding(pair: _Pair, harmless: str) -> Finding:
    sites = [
        FindingSite(label, function, access.kind, site.file, site.line, site.source, site.function)
        for access, label, function in pair.sides
        for site in (access.site,)
    ]
    with told_apart(each.file for each in sites):
        first, second = (f"{each.thread} {_DID[each.operation]} it at {at(each.file, each.line)}" for each in sites)
    text = f"data race on {pair.resource}: {first}, {second}, and nothing orders the two"
    return Finding("data-race", pair.resource, text, sites, harmless, interleaving=pair.interleaving)


def _resource(access: Access, owner: Any, key: object) -> str:
    if access.container:
        return f"{container_name(access)}[{show(key)}]"
    if type(owner) in (dict, Closure):
        return access.name
    return f"{peek.type_name(owner if peek.is_a(owner, type) else type(owner))}.{access.name}"


def _doubt(owner: Any, scheduler: Scheduler) -> str:
    if type(owner) is Closure:
        return "" if _is_running_once(owner, scheduler) else _ONE_A_CALL
    definer = peek.definer(type(owner), "__setattr__")
    return "" if definer is None or peek.module_name(definer) in (None, "builtins") else _ITS_OWN


def _is_running_once(variables: Any, scheduler: Scheduler) -> bool:
    """Whether there is one call only that these variables of a function can belong to: that of the test itself."""
    frames = user_frames(sys._current_frames().get(scheduler.main.ident or 0))
    return bool(frames) and frames[-1].f_code.co_qualname == variables.function


def _is_flag(pair: _Pair) -> bool:
    """Whether it is a read and a write of True or False: whatever comes first, nothing else can come of it."""
    writes = [side[0] for side in pair.sides if side[0].writes]
    return len(writes) == 1 and not writes[0].container and _sets_flag(writes[0])


def _sets_flag(access: Access) -> bool:
    try:
        statements = list(ast.walk(ast.parse(code_at(access.site.file, access.site.line).strip())))
    except (SyntaxError, ValueError):
        return False
    stored = [each.value for each in statements if isinstance(each, (ast.Assign, ast.AnnAssign))]
    return len(stored) == 1 and isinstance(stored[0], ast.Constant) and isinstance(stored[0].value, bool)
