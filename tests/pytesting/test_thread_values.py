"""What the main thread leaves in ``threading.local`` objects and context variables is gone in the next interleaving."""

from __future__ import annotations

import pytest

VALUES = """
import contextvars, functools, threading
import pytest

EMPTY, LOCAL, DYNAMIC = threading.local(), threading.local(), threading.local()
LOCAL.early = LOCAL.gone = "import"
NEW, OLD, WIDE = (contextvars.ContextVar(name) for name in ("new", "old", "wide"))
OLD.set("import")
seen = []


class Numbered(threading.local):
    def __init__(self):
        self.number = 7


NUMBERED = Numbered()


@functools.cache
def cached():
    local = threading.local()
    local.value = "made once"
    return local


@pytest.fixture(scope="module")
def wide():
    LOCAL.wide = "wide"
    token = WIDE.set("wide")
    yield
    WIDE.reset(token)
    assert LOCAL.wide == "wide"


@pytest.fixture(scope="module")
def late():
    DYNAMIC.late = "late"
    LOCAL.late = "late"
    late_token = OLD.set("late")
    yield
    OLD.reset(late_token)


@pytest.fixture
def own(wide):
    assert not hasattr(EMPTY, "own")
    EMPTY.own = LOCAL.own = True
    token = NEW.set("own")
    yield
    assert EMPTY.own
    NEW.reset(token)


def state():
    variables = {variable.name: variable.get(None) for variable in (NEW, OLD, WIDE)}
    return [dict(vars(each)) for each in (EMPTY, LOCAL, DYNAMIC, NUMBERED)], variables, vars(cached())


def change():
    EMPTY.body = LOCAL.early = LOCAL.body = NUMBERED.number = "body"
    del LOCAL.gone
    OLD.set("body")
    WIDE.set("body")


@pytest.mark.race(interleavings=6)
def test_it(request, racecheck, own):
    found = state()
    change()
    if racecheck.interleaving == 2:
        request.getfixturevalue("late")
    seen.append(found)
    orders = []
    racecheck.run(*[lambda: orders.append(1)] * 3)


def test_all():
    assert len(seen) == 6
    first = seen[0]
    assert first == (
        [{"own": True}, {"early": "import", "gone": "import", "wide": "wide", "own": True}, {}, {"number": 7}],
        {"new": "own", "old": "import", "wide": "wide"},
        {"value": "made once"},
    )
    assert all(each == first for each in seen[:3])
    first[0][1]["late"] = first[0][2]["late"] = first[1]["old"] = "late"
    assert all(each == first for each in seen[3:])
"""

HOOKS = """
import contextvars, threading
import pytest

LOCAL = threading.local()
VARIABLE = contextvars.ContextVar("variable")

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    token = VARIABLE.set(item.name)
    LOCAL.name = item.name
    try:
        return (yield)
    finally:
        VARIABLE.reset(token)
        assert LOCAL.name == item.name
"""

WITH_HOOKS = """
import contextvars, threading
import pytest
import conftest

OTHER = contextvars.ContextVar("other")

@pytest.mark.race(interleavings=5)
@pytest.mark.parametrize("fails", [False, True])
def test_it(racecheck, fails, request):
    assert conftest.VARIABLE.get() == conftest.LOCAL.name == request.node.name
    assert OTHER.get(None) is None
    OTHER.set(1)
    racecheck.run(*[lambda: conftest.LOCAL.__dict__] * 2)
    assert not (fails and racecheck.interleaving == 2)
"""

CONNECTIONS = """
import threading, warnings
import pytest

LOCAL = threading.local()

class Connection:
    def __init__(self, path):
        self.path = path

    def __del__(self):
        warnings.warn("never closed", ResourceWarning)

def connection(path):
    if not hasattr(LOCAL, "connection"):
        LOCAL.connection = Connection(path)
    return LOCAL.connection

@pytest.mark.race(interleavings=5)
def test_it(tmp_path, racecheck):
    racecheck.run(*[lambda: None] * 2)
    assert connection(tmp_path).path == tmp_path
"""


@pytest.fixture(autouse=True)
def real_engine(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert()


def test_only_what_was_there_before_is_there_in_each(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(VALUES)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_hooks_around_a_test_reach_every_interleaving(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(WITH_HOOKS)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*ValueError*")


def test_what_is_dropped_is_no_resource_that_the_test_forgot(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CONNECTIONS)
    pytester.runpytest_subprocess("-Werror").assert_outcomes(passed=1)
