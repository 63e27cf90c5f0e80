"""Instrumented code does exactly what it does without."""

from __future__ import annotations

import itertools
import linecache
import sys
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_racecheck.engine import real
from pytest_racecheck.instrument import create
from tests.instrument.conftest import Recorder

PREAMBLE = """
import collections, functools, heapq
log = []
total = 0
table = {"a": [1, 2], "b": [3]}
class Meta(type):
    def __call__(cls, *args): log.append(cls.__name__); return super().__call__(*args)
class Thing(metaclass=Meta):
    shared = 0
    def __init__(self): self.n = 0; self.items = [1, 2, 3]; self.__hidden = {}
    @property
    def computed(self): log.append("computed"); return self.n + 1
    @computed.setter
    def computed(self, value): log.append("set"); self.n = value
    @functools.cached_property
    def cached(self): log.append("cached"); return [self.n]
    def method(self, value=1): self.__hidden[value] = self.n; return len(self.__hidden)
class Slotted:
    __slots__ = ("n", "items")
    def __init__(self): self.n = 5; self.items = collections.deque([1])
class Odd:
    def __init__(self): self.n = 1; self.items = Log()
    def __getattr__(self, name): log.append(name); return 7
    def __setattr__(self, name, value): log.append((name, str(value)[:9])); object.__setattr__(self, name, value)
    def __eq__(self, other): log.append("eq"); return self is other
    def __hash__(self): log.append("hash"); return 3
    def __bool__(self): log.append("bool"); return False
class Log(list):
    def append(self, value): log.append("append"); super().append(value)
    def __len__(self): log.append("len"); return super().__len__()
    def __getitem__(self, key): log.append("item"); return super().__getitem__(key)
    def __iter__(self): log.append("iter"); return super().__iter__()
    def __contains__(self, value): log.append("contains"); return True
def order(value): log.append("order"); return -value if isinstance(value, int) else 0
"""

OBJECTS = ["a", "b", "s", "odd"]
NUMBERS = st.sampled_from(["1", "a.n", "s.n", "total", "len(a.items)", "b.computed", "a.method()", "Thing.shared", "k"])
CONTAINERS = st.sampled_from(
    ["a.items", "s.items", "odd.items", "table['a']", "x", "b.cached", "list(table)", "sorted(x, key=order)"]
)
TARGETS = st.sampled_from(
    ["a.n", "s.n", "b.computed", "odd.n", "total", "Thing.shared", "k", "x[0]", "table['c']", "dd['k']", "free"]
)
TEMPLATES = [
    "{target} = {number}",
    "{target} += {number}",
    "{container}.append({number})",
    "log.append(str({container}))",
    "log.append({number} in {container})",
    "log.append([v for v in {container} if v != {number}])",
    "log.append(tuple(v for v in {container} for w in {container}))",
    "x += [{number}]",
    "x = list({container}) + x",
    "p, *q = {container}",
    "log.append(f'{{x}} {{a.items!r}} {{k:>3}} {{a.n}} {{odd.missing!s}}')",
    "log.append({container} == {container})",
    "log.append(bool({container}) and not {container})",
    "log.append(table.setdefault({number}, []))",
    "log.append({{**table, {number}: 1}})",
    "heapq.heapify(x); log.append(heapq.heappop(x))",
    "del x[-1]",
    "del {object}.n",
    "log.append(getattr({object}, 'n', None)); setattr({object}, 'n', {number})",
    "log.append(min({container}, default=0, key=order))",
    "for v in {container}:\n    log.append(v)\n    if v == {number}: break\nelse:\n    log.append('else')",
    "while k < {number} and k < 5:\n    k += 1",
    (
        "try:\n    {target} = {container}[{number}]\n"
        "except (IndexError, KeyError) as error:\n    log.append(type(error).__name__)\n"
        "finally:\n    log.append('finally')"
    ),
    "assert {number} or {container}, log",
    "lift = lambda v={number}: v + free; log.append(lift())",
    "log.append(d_get({number}))",
    "log.append(next(it, None)); log.append(sum(it))",
    "grow({number})",
    "c[{number}] += 1; log.append(c.most_common(1))",
    "log.append(odd in table or {{odd: 1}}.get(odd))",
    "if (w := {container}): log.append(w[0])",
]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A function of a few statements, over objects of all kinds that were made for it."""
    lines = []
    for template in draw(st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=8)):
        lines += template.format(
            target=draw(TARGETS),
            number=draw(NUMBERS),
            container=draw(CONTAINERS),
            object=draw(st.sampled_from(OBJECTS)),
        ).splitlines()
    body = "\n".join(f"    {line}" for line in lines)
    return f"""{PREAMBLE}
def run():
    global total
    a, b, s, odd = Thing(), Thing(), Slotted(), Odd()
    x, k, free, it = [3, 1, 2], 1, 1, iter([1, 2, 3])
    dd, c, d_get = collections.defaultdict(lambda: 1), collections.Counter(), table.get
    def grow(step):
        nonlocal free
        free += step
        return free
{body}
"""


def outcome(module: dict[str, Any]) -> tuple[object, ...]:
    try:
        result: object = module["run"]()
    except Exception as error:  # noqa: BLE001 - whatever it raises, it has to raise again
        result = type(error), str(error)
    return result, repr(module["log"]), module["total"], repr(module["table"]), vars(module["Thing"])["shared"]


_numbers = itertools.count()


def made(source: str) -> dict[str, Any]:
    name = f"/program_{next(_numbers)}.py"  # in <brackets>, it would be parsed anew for each function
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    module: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, name, "exec"), module)
    if sys.version_info < (3, 12):
        vars(module["Thing"])["cached"].lock = real.rlock()
    return module


@settings(
    max_examples=150 if sys.version_info >= (3, 12) else 60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(programs())
def test_programs_do_the_same(source: str) -> None:
    expected = outcome(made(source))
    recorder = Recorder(create())
    module = made(source)
    with recorder.record() as seen:
        assert outcome(module) == expected
    assert seen
    chances: list[int] = []
    module = made(source)
    with recorder.record(opportunity=lambda: chances.append(1)):
        assert outcome(module) == expected
    assert chances
