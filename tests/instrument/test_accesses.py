"""Every kind of access is seen: once, with its owner, its key, and the text that it stands for."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument import Closure

if TYPE_CHECKING:
    from tests.instrument.conftest import Recorder

Load = Callable[[str], Any]

# What runs before (seen by nobody), the body of a function, and what is seen of it.
ATTRIBUTES = """
class Base:
    shared = 1
    def method(self): return 1
    @property
    def computed(self): return 2
class Account(Base):
    __slots_like__ = None
    def __init__(self):
        self.balance = 100
        self.other = None
class Slotted:
    __slots__ = ("value",)
account = None
a = Account()
a.other = Account()
s = Slotted()
s.value = 1
"""

CASES: dict[str, tuple[str, str, list[tuple[str, str, str]]]] = {
    "read": (ATTRIBUTES, "a.balance", [("read", "balance", "a.balance")]),
    "write": (ATTRIBUTES, "a.balance = 1", [("write", "balance", "a.balance")]),
    "new attribute": (ATTRIBUTES, "a.fresh = 1", [("write", "fresh", "a.fresh")]),
    "delete": (ATTRIBUTES, "del a.balance", [("write", "balance", "a.balance")]),
    "augmented": (
        ATTRIBUTES,
        "a.balance += 1",
        [("read", "balance", "a.balance"), ("write", "balance", "a.balance")],
    ),
    "annotated": (ATTRIBUTES, "a.balance: int = 1", [("write", "balance", "a.balance")]),
    "chain": (
        ATTRIBUTES,
        "a.other.balance = 1",
        [("read", "other", "a.other"), ("write", "balance", "a.other.balance")],
    ),
    "slot": (ATTRIBUTES, "s.value += 1", [("read", "value", "s.value"), ("write", "value", "s.value")]),
    "class data through the instance": (ATTRIBUTES, "a.shared", [("read", "shared", "a.shared")]),
    "class data": (
        ATTRIBUTES,
        "Account.shared += 1",
        [("read", "shared", "Account.shared"), ("write", "shared", "Account.shared")],
    ),
    "type(self)": (
        ATTRIBUTES,
        "a.__class__.shared += 1",
        [("read", "shared", "a.__class__.shared"), ("write", "shared", "a.__class__.shared")],
    ),
    "several lines": (
        ATTRIBUTES,
        "(a\n    .other\n    .balance)",
        [("read", "other", "a .other"), ("read", "balance", "a .other .balance")],
    ),
    "for target": (ATTRIBUTES, "for a.balance in (1,): pass", [("write", "balance", "a.balance")]),
    "with target": (
        ATTRIBUTES + "import contextlib\n",
        "with contextlib.nullcontext(3) as a.balance: pass",
        [("write", "balance", "a.balance")],
    ),
    "tuple target": (
        ATTRIBUTES,
        "a.balance, a.other = 1, 2",
        [("write", "balance", "a.balance"), ("write", "other", "a.other")],
    ),
    "getattr": (ATTRIBUTES, "getattr(a, 'balance')", [("read", "balance", "getattr(a, 'balance')")]),
    "setattr": (ATTRIBUTES, "setattr(a, 'balance', 1)", [("write", "balance", "setattr(a, 'balance', 1)")]),
    "object.__setattr__": (
        ATTRIBUTES,
        "object.__setattr__(a, 'balance', 1)",
        [("write", "balance", "object.__setattr__(a, 'balance', 1)")],
    ),
    "in an assertion": (ATTRIBUTES, "assert a.balance == 100", [("read", "balance", "a.balance")]),
    "in an f-string": (ATTRIBUTES, "f'{a.balance}'", [("read", "balance", "a.balance")]),
    "in a lambda": (ATTRIBUTES, "(lambda: a.balance)()", [("read", "balance", "a.balance")]),
    "in a comprehension": (ATTRIBUTES, "[a.balance for _ in (1, 2)]", [("read", "balance", "a.balance")] * 2),
    "not ASCII": (ATTRIBUTES, "'äöü€', a.balance", [("read", "balance", "a.balance")]),
    # No accesses
    "method": (ATTRIBUTES, "a.method()", []),
    "bound method": (ATTRIBUTES, "m = a.method; m()", []),
    "property": (ATTRIBUTES, "a.computed", []),
    "function of a module": (ATTRIBUTES + "import math\n", "math.floor(1.5)", []),
    "method of str": (ATTRIBUTES + "t = 'x'\n", "t.upper()", []),
    "super": (
        "class A:\n    def f(self): pass\nclass B(A):\n    def f(self): super().f()\nb = B()\n",
        "b.f()",
        [],
    ),
    # Globals
    "global read": ("n = 0\ndef touch():\n    global n\n    n = 1\n", "n", [("read", "n", "n")]),
    "global augmented": ("n = 0\n", "global n; n += 1", [("read", "n", "n"), ("write", "n", "n")]),
    "global delete": ("n = 0\n", "global n; del n", [("write", "n", "n")]),
    "function, class, import, builtin": (
        "import os\ndef f(): pass\nclass C: pass\n",
        "f(); C(); os; abs(1)",
        [],
    ),
    # Items
    "item read": ("d = {'k': 1}\n", "d['k']", [("read", "[]", "d['k']")]),
    "item write": ("d = {}\n", "d['k'] = 1", [("write", "[]", "d['k']")]),
    "item delete": ("d = {'k': 1}\n", "del d['k']", [("write", "[]", "d['k']")]),
    "item augmented": ("d = {'k': 1}\n", "d['k'] += 1", [("read", "[]", "d['k']"), ("write", "[]", "d['k']")]),
    "slice": ("x = [1, 2, 3]\n", "x[0:2]", [("read", "[]", "x[0:2]")]),
    "slice write": ("x = [1, 2, 3]\n", "x[0:2] = []", [("write", "[]", "x[0:2]")]),
    "slice augmented": (
        "x = [1, 2, 3]\n",
        "x[0:2] += [1]",
        [("read", "[]", "x[0:2]"), ("write", "[]", "x[0:2]")],
    ),
    "defaultdict": (
        "import collections\nd = collections.defaultdict(int)\n",
        "d['k'] += 1",
        [("update", "[]", "d['k']"), ("write", "[]", "d['k']")],
    ),
    "tuple item": ("t = (1, 2)\n", "t[0]", []),
    "string item": ("t = 'ab'\n", "t[0]", []),
    "generic alias": ("", "list[int]", []),
    # Whole containers
    "in": ("x = [1]\n", "1 in x", [("read", "in", "1 in x")]),
    "not in a dict": ("d = {}\n", "'k' not in d", [("read", "in", "'k' not in d")]),
    "truth": ("x = [1]\n", "if x: pass", [("read", "bool", "x")]),
    "not": ("x = [1]\n", "not x", [("read", "bool", "x")]),
    "while": ("x = []\n", "while x: pass", [("read", "bool", "x")]),
    "and": ("x = [1]\ny = [2]\n", "x and y", [("read", "bool", "x")]),
    "len": ("x = [1]\n", "len(x)", [("read", "len", "len(x)")]),
    "list": ("x = [1]\n", "list(x)", [("read", "list", "list(x)")]),
    "sorted": ("x = [1]\n", "sorted(x, key=None)", [("read", "sorted", "sorted(x, key=None)")]),
    "list of a view": ("d = {1: 2}\n", "list(d.items())", [("read", "list", "list(d.items())")]),
    "loop": ("x = [1, 2]\n", "for i in x: pass", [("read", "iter", "x")] * 3),
    # Of dictionaries, sets and deques, what is added once the iterator is made breaks it.
    "loop over a view": ("d = {1: 2}\n", "for k, v in d.items(): pass", [("read", "iter", "d.items()")] * 3),
    "loop over a set": ("x = {1}\n", "for i in x: pass", [("read", "iter", "x")] * 3),
    "comprehension over a dict": ("d = {1: 2}\n", "[i for i in d]", [("read", "iter", "d")] * 3),
    "generator expression over a dict": ("d = {1: 2}\n", "tuple(i for i in d)", [("read", "iter", "d")] * 3),
    "inner loop over a dict": (
        "x = [1]\nd = {1: 2}\n",
        "[j for i in x for j in d]",
        [("read", "iter", "x"), *[("read", "iter", "d")] * 3, ("read", "iter", "x")],
    ),
    "iterator of a dict": ("d = {1: 2}\n", "iter(d)", [("read", "iter", "iter(d)")]),
    "iterator of a list": ("x = [1]\n", "iter(x)", []),
    "iterator of an iterator": ("it = iter({1: 2})\n", "iter(it)", []),
    "map": ("d = {1: 2}\n", "map(str, d)", [("read", "iter", "map(str, d)")]),
    "zip": ("d = {1: 2}\n", "zip(d, d)", [("read", "iter", "zip(d, d)")] * 2),
    "yield from": (
        "d = {1: 2}\ndef g():\n    yield from d\n",
        "list(g())",
        [("read", "iter", "d")] * 3,
    ),
    "loop over enumerate": ("x = [1]\n", "for i, e in enumerate(x): pass", [("read", "iter", "enumerate(x)")] * 2),
    "comprehension": ("x = [1]\n", "[i for i in x]", [("read", "iter", "x")] * 2),
    "set comprehension": ("x = [1]\n", "{i for i in x}", [("read", "iter", "x")] * 2),
    "dict comprehension": ("x = [1]\n", "{i: i for i in x}", [("read", "iter", "x")] * 2),
    "generator expression": ("x = [1]\n", "tuple(i for i in x)", [("read", "iter", "x")] * 2),
    "two loops": (
        "x = [1]\ny = [2]\n",
        "[i for i in x for j in y]",
        [("read", "iter", "x"), ("read", "iter", "y"), ("read", "iter", "y"), ("read", "iter", "x")],
    ),
    "range": ("", "for i in range(3): pass", []),
    "iterator": ("it = iter([1])\n", "next(it)", [("update", "next", "next(it)"), ("read", "next", "next(it)")]),
    "loop over an iterator": (
        "it = iter([1])\n",
        "for i in it: pass",
        [("update", "iter", "it"), ("read", "iter", "it")] * 2,
    ),
    "generator": (
        "def g():\n    yield 1\nit = g()\n",
        "next(it)",
        [("update", "next", "next(it)")] * 3,  # it goes on, which takes its time, and yields
    ),
    "count": ("import itertools\nc = itertools.count()\n", "next(c)", [("update", "next", "next(c)")]),
    "unpacking": ("x = [1, 2]\n", "p, q = x", [("read", "unpack", "x")]),
    "starred": ("x = [1, 2]\n", "[0, *x]", [("read", "unpack", "x")]),
    "in place": ("x = []\n", "y = x; y += [1]", [("update", "in place", "y")]),
    "in place on an attribute": (
        "class A: pass\na = A()\na.x = []\n",
        "a.x += [1]",
        [("read", "x", "a.x"), ("update", "in place", "a.x"), ("write", "x", "a.x")],
    ),
    "in place on a number": ("k = [1]\n", "y = 1; y += 2", []),
    "compare": ("x = [1]\ny = [1]\n", "x == y", [("read", "compare", "x == y")] * 2),
    "concatenate": ("x = [1]\n", "x + [2]", [("read", "operator", "x + [2]")]),
    "format": ("x = [1]\n", "f'{x}'", [("read", "format", "x")]),
    "numbers": ("", "p, q = 1, 2; p == q; p + q; p in (1, 2)", []),
    # Methods of containers
    "append": ("x = []\n", "x.append(1)", [("update", "append", "x.append(1)")]),
    "append of an attribute": (
        "class A: pass\na = A()\na.x = []\n",
        "a.x.append(1)",
        [("read", "x", "a.x"), ("update", "append", "a.x.append(1)")],
    ),
    "append over lines": ("x = []\n", "(x\n   .append(\n  1))", [("update", "append", "x .append( 1)")]),
    "get": ("d = {}\n", "d.get('k')", [("read", "get", "d.get('k')")]),
    "setdefault": ("d = {}\n", "d.setdefault('k', [])", [("update", "setdefault", "d.setdefault('k', [])")]),
    "dict.get": ("d = {'k': 1}\n", "dict.get(d, 'k')", [("read", "get", "dict.get(d, 'k')")]),
    "pop": ("d = {'k': 1}\n", "d.pop('k')", [("update", "pop", "d.pop('k')")]),
    "clear": ("x = [1]\n", "x.clear()", [("write", "clear", "x.clear()")]),
    "add": ("t = {1}\n", "t.add(1)", [("update", "add", "t.add(1)")]),
    "popleft": (
        "import collections\nq = collections.deque([1])\n",
        "q.popleft()",
        [("update", "popleft", "q.popleft()")],
    ),
    "counter": (
        "import collections\nc = collections.Counter()\n",
        "c.update('ab')",
        [("update", "update", "c.update('ab')")],
    ),
    "bound append": ("x = []\n", "f = x.append; f(1)", [("update", "append", "f(1)")]),
    "spread append": ("x = []\n", "x.append(*(1,))", [("update", "append", "x.append(*(1,))")]),
    "heap": ("import heapq\nh = []\n", "heapq.heappush(h, 1)", [("update", "heappush", "heapq.heappush(h, 1)")]),
    "subclass": (
        "class L(list):\n    def append(self, value):\n        super().append(value)\nx = L()\n",
        "x.append(1)",
        [("update", "append", "super().append(value)")],
    ),
    "method of another class": (
        "class L:\n    def append(self, value): pass\nx = L()\n",
        "x.append(1)",
        [],
    ),
    "stream": ("import io\nf = io.StringIO()\n", "f.write('a')", [("update", "write", "f.write('a')")]),
}

#: Module-level names of the set-up whose own accesses are not what a case is about.
GLOBALS = {"a", "s", "d", "x", "y", "it", "c", "q", "f", "h", "t", "k", "b", "account"}


@pytest.mark.parametrize("case", CASES)
def test_access(case: str, load: Load, recorder: Recorder) -> None:
    before, body, expected = CASES[case]
    module = load(f"{before}\ndef run():\n{textwrap.indent(body, '    ')}\n")
    first = recorder.run(module.run)
    fields = [brief for brief in first.brief if not (brief[1] in GLOBALS and brief[1] == brief[2])]
    assert fields == expected


def test_sites_stand_where_the_expression_stands(load: Load, recorder: Recorder) -> None:
    module = load("class A: pass\ndef run(ä):\n    'äöü', ä.grün.blau\n")
    leaf = module.A()
    leaf.grün = module.A()
    leaf.grün.blau = 1
    green, blue = (seen.access.site for seen in recorder.run(module.run, leaf))
    assert (green.line, green.column, green.end_line, green.end_column) == (3, 11, 3, 17)
    assert (blue.column, blue.end_column, blue.source) == (11, 22, "ä.grün.blau")
    assert (green.file, green.function) == (module.__file__, "run")


def test_each_instruction_has_one_access(load: Load, recorder: Recorder) -> None:
    module = load("def run(x):\n    for _ in range(3):\n        x.append(x.count)\n")

    class Count(list[object]):
        count = 0  # type: ignore[assignment]

    seen = recorder.run(module.run, Count())
    assert len({id(each.access) for each in seen}) == len(set(seen.brief)) == 2
    assert len(seen) == 6


def test_owner_and_key_of_attributes(load: Load, recorder: Recorder) -> None:
    module = load(ATTRIBUTES + "def run(a):\n    a.balance\n    a.shared\n    a.shared = 2\n    a.shared\n")
    a = module.Account()
    balance, inherited, write, own = recorder.run(module.run, a)
    assert (balance.owner, balance.key, balance.also) == (a, "balance", None)
    assert (inherited.owner, inherited.key, inherited.also) == (a, "shared", module.Base)
    assert (write.owner, write.key, write.also) == (a, "shared", None)
    assert (own.owner, own.also) == (a, None)


def test_owner_of_class_attributes(load: Load, recorder: Recorder) -> None:
    module = load(ATTRIBUTES + "def run(C):\n    C.shared\n    C.shared = 1\n    C.shared\n    c = C()\n    c.shared\n")
    inherited, write, own, instance = (
        seen for seen in recorder.run(module.run, module.Account) if seen.key == "shared"
    )
    assert (inherited.owner, inherited.also) == (module.Account, module.Base)
    assert (write.owner, write.also) == (module.Account, None)
    assert (own.owner, own.also) == (module.Account, None)
    assert instance.also is module.Account


def test_owner_of_globals_is_the_dict(load: Load, recorder: Recorder) -> None:
    counter = load("n = 0\ndef bump():\n    global n\n    n += 1\n")
    user = load("def run(module):\n    module.n\n    module.n = 1\n    module.bump()\n")
    seen = recorder.run(user.run, counter)
    assert [each.owner is vars(counter) for each in seen] == [True] * 4
    assert {each.key for each in seen} == {"n"}


def test_keys(load: Load, recorder: Recorder) -> None:
    module = load(
        textwrap.dedent("""
        class Weird:
            def __hash__(self): raise RuntimeError
            def __eq__(self, other): raise RuntimeError
        def run(d, x, k, o, w):
            d[k], d[1, k]
            d.get(o)
            x[-1], x[0], x[:1]
            d.get(int("1"))
            try:
                d[w]
            except RuntimeError:
                pass
        """)
    )
    plain = object()
    d, x = {"k": 1, (1, "k"): 2}, [1, 2]
    seen = recorder.run(module.run, d, x, "k", plain, module.Weird())
    assert [each.key for each in seen] == ["k", (1, "k"), plain, 1, 0, None, 1, None]
    assert [each.owner for each in seen] == [d] * 3 + [x] * 3 + [d] * 2


def test_closure_variables(load: Load, recorder: Recorder) -> None:
    module = load(
        textwrap.dedent("""
        def make():
            n = 0
            constant = 1
            def bump():
                nonlocal n
                n += constant
            def read():
                return n
            return bump, read
        """)
    )
    bump, read = module.make()  # the factory ran before anything was instrumented
    seen = recorder.run(lambda: (bump(), read()))
    assert seen.brief == [("read", "n", "n"), ("write", "n", "n"), ("read", "n", "n")]
    assert len({id(each.owner) for each in seen}) == 1
    assert isinstance(seen[0].owner, Closure)
    assert seen[0].key == "n"


def test_unknown_receivers(load: Load, recorder: Recorder) -> None:
    module = load(
        textwrap.dedent("""
        class Node:
            def __init__(self): self.n = 1
            @property
            def twin(self): return Node()
        def find(): return Node()
        def run(node):
            find().n
            node.twin.n = 2
            find().twin.method_like
        """)
    )
    with recorder.record() as seen, pytest.raises(AttributeError):
        module.run(module.Node())
    unknown = [each.brief for each in seen if each.owner is UNKNOWN]
    assert unknown == [
        ("read", "n", "find().n"),
        ("write", "n", "node.twin.n"),
        ("read", "twin", "find().twin"),
        ("read", "method_like", "find().twin.method_like"),
    ]


def test_nothing_of_the_user_runs(load: Load, recorder: Recorder) -> None:
    module = load(
        textwrap.dedent("""
        ran = []
        class Meta(type):
            def __eq__(cls, other): ran.append("eq of class")
            def __hash__(cls): ran.append("hash of class"); return 1
        class Proxy:
            def __getattr__(self, name): ran.append(name); return self
            def __call__(self, *args): return self
            def __bool__(self): ran.append("bool"); return True
            def __contains__(self, item): ran.append("in"); return True
            def __eq__(self, other): ran.append("eq"); return self
            def __hash__(self): ran.append("hash"); return 1
            def __getitem__(self, key): ran.append("item"); return self
            def __len__(self): ran.append("len"); return 1
        class Strict(metaclass=Meta):
            def __getattribute__(self, name): ran.append(name); return None
        def run(p, s):
            p.a.b.c
            p.method(1)
            p == p
            1 in p
            p[p]
            len(p)
            s.value
            s.value = 2
            s.append(1) if s.value else None
            {}.get(p)
            if p: pass
        """)
    )
    module.run(module.Proxy(), module.Strict())
    plain = list(module.ran)
    module.ran.clear()
    recorder.run(module.run, module.Proxy(), module.Strict())
    assert module.ran == plain


def test_cached_property_fills_the_instance(load: Load, recorder: Recorder) -> None:
    module = load(
        "import functools\nclass A:\n    @functools.cached_property\n    def value(self): return 1\n"
        "def run(a):\n    a.value\n    a.value\n"
    )
    a = module.A()
    if sys.version_info < (3, 12):
        vars(module.A)["value"].lock = real.rlock()
    assert [each.brief for each in recorder.run(module.run, a)] == [
        ("update", "value", "a.value"),
        ("update", "value", "a.value"),  # the function begins, and nothing is stored yet
        ("update", "value", "a.value"),  # it returns, and what it made is stored
        ("read", "value", "a.value"),
    ]


def test_thread_local_attributes_are_private(load: Load, recorder: Recorder) -> None:
    module = load("import threading\nmine = threading.local()\ndef run(mine):\n    mine.x = 1\n    mine.x += 1\n")
    assert recorder.run(module.run, module.mine) == []


def test_private_names(load: Load, recorder: Recorder) -> None:
    module = load(
        "class A:\n    def __init__(self):\n        self.__items = []\n"
        "    def add(self):\n        self.__items.append(1)\n"
    )
    a = module.A()
    read, update = recorder.run(a.add)
    assert (read.owner, read.key) == (a, "_A__items")
    assert update.owner == [1]


def test_code_without_source(recorder: Recorder) -> None:
    names: dict[str, Any] = {}
    exec("def run(self, d):\n    self.n = 1\n    self.n\n    d['k'] = 1\n    d.get('k')\n    self.f().m = 1\n", names)

    class Thing:
        def f(self) -> Thing:
            return self

    thing = Thing()
    seen = recorder.run(names["run"], thing, {})
    assert [(each.access.kind, each.key) for each in seen if each.owner is thing] == [("write", "n"), ("read", "n")]
    assert [each.access.site.source for each in seen] == [""] * len(seen)
    assert seen[0].access.site.line == 2


def test_standard_events_and_barriers_are_seen(recorder: Recorder) -> None:
    import threading

    event, barrier = threading.Event(), threading.Barrier(1)
    event._cond = threading.Condition(real.allocate_lock())  # type: ignore[attr-defined]

    def use() -> None:
        event.set()
        event.is_set()
        assert not barrier.broken

    seen = recorder.run(use)
    assert [(each.access.kind, each.key) for each in seen if each.owner is event] == [
        ("write", "_flag"),
        ("read", "_flag"),
    ]
    assert ("read", "_state") in [(each.access.kind, each.key) for each in seen if each.owner is barrier]


@pytest.mark.parametrize("factory", ["lambda: []", "make", "Maker().make", "functools.partial(make)"])
def test_a_factory_in_python_is_a_window(factory: str, load: Load, recorder: Recorder) -> None:
    module = load(
        "import collections, functools\ndef make(): return []\nclass Maker:\n    def make(self): return []\n"
        f"d = collections.defaultdict({factory})\ndef run(d, key):\n    d[key]\n"
    )
    for key in ("first", "second"):  # the second time, everything was met before
        seen = recorder.run(module.run, module.d, key)
        assert seen.brief == [("update", "[]", "d[key]")] * 3
        assert {each.key for each in seen} == {key}
    assert recorder.run(module.run, module.d, "first").brief == [("read", "[]", "d[key]")]


@pytest.mark.parametrize(("numbers", "told"), [(50, True), (150, False)])
def test_where_only_numbers_meet_a_constant_nobody_looks_any_longer(
    load: Load, recorder: Recorder, numbers: int, told: bool
) -> None:
    module = load("def run(x):\n    return x * 2\n")

    def count() -> None:
        for number in range(numbers):
            module.run(number)

    looked = [("read", "operator", "x * 2")]

    def both() -> None:
        count()
        module.run([1])

    assert recorder.run(both).brief == (looked if told else [])
    assert recorder.run(module.run, [1]).brief == looked  # an item does not depend on those before


def test_a_window_ends_with_an_exception(load: Load, recorder: Recorder) -> None:
    module = load(
        "import collections\ndef make():\n    if fails: raise LookupError\n    return []\nfails = True\n"
        "d = collections.defaultdict(make)\ndef run(d):\n    try: d[1]\n    except LookupError: pass\n"
    )
    looked = ("update", "[]", "d[1]")
    assert [each for each in recorder.run(module.run, module.d).brief if each == looked] == [looked] * 2
    module.fails = False
    assert looked not in recorder.run(module.make).brief  # called by somebody else


def test_a_key_function_is_a_window(load: Load, recorder: Recorder) -> None:
    module = load("def order(x): return -x\ndef run(x):\n    x.sort(key=order)\n")
    x = [1, 2, 3]
    for _ in range(2):
        assert recorder.run(module.run, x).brief == [("update", "sort", "x.sort(key=order)")] * 3
    assert x == [3, 2, 1]
