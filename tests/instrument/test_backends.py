"""The instrumentation comes and goes without a trace, sees first executions, and lets exceptions through."""

from __future__ import annotations

import collections
import functools
import gc
import os
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_racecheck.engine import current, real
from pytest_racecheck.instrument import InstrumentationError, Scope, create, registry
from tests.instrument.conftest import Recorder, in_another_thread

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access

Load = Callable[[str], Any]

MONITORING = sys.version_info >= (3, 12)
TICK = "class A:\n    n = 0\n    def tick(self):\n        self.n = 1\n"


CELLS = """
def make():
    n = 0
    def read():
        return n
    def write(value):
        nonlocal n
        n = value
    def touch():
        nonlocal n
        n
        return n
    return read, write, touch
"""


class Unwound(BaseException):
    """What an engine raises to unwind a thread."""


def monitoring() -> Any:
    return sys.monitoring  # type: ignore[attr-defined,unused-ignore]


def test_name_tells_the_mechanism() -> None:
    assert create().name == ("sys.monitoring" if MONITORING else "sys.settrace")


def test_first_execution_is_as_complete_as_the_second(load: Load, recorder: Recorder) -> None:
    module = load(
        "class A:\n    def __init__(self):\n        self.n = 1\n        self.m = self.n\n"
        "def run(a):\n    a.n += 1\n    return [a.m for _ in range(2)]\n"
    )
    with recorder.record() as first:
        module.run(module.A())
    with recorder.record() as second:
        module.run(module.A())
    assert first.brief == second.brief
    assert len(first) == 7


def test_nothing_is_seen_outside(load: Load, recorder: Recorder) -> None:
    a = load(TICK).A()
    with recorder.record() as seen:
        current.concurrent = False  # one thread alone
        a.tick()
        current.concurrent = True
        current.thread.quiet = 1  # type: ignore[union-attr]
        a.tick()
        current.thread.quiet = 0  # type: ignore[union-attr]
        in_another_thread(a.tick)
        thread, current.thread = current.thread, None
        a.tick()
        current.thread = thread
        assert seen == []
        a.tick()
    a.tick()
    assert seen.brief == [("write", "n", "self.n")]


def test_close_leaves_nothing_behind(load: Load, recorder: Recorder) -> None:
    a = load(TICK).A()
    before = sys.gettrace(), threading.gettrace()
    recorder.run(a.tick)
    assert (sys.gettrace(), threading.gettrace()) == before
    if MONITORING:
        assert monitoring().get_tool(3) is None
        assert monitoring().get_events(3) == 0
        assert monitoring().get_local_events(3, a.tick.__code__) == 0
        for event in (monitoring().events.INSTRUCTION, monitoring().events.PY_START):
            assert monitoring().register_callback(3, event, None) is None


def test_close_is_idempotent_and_open_is_not() -> None:
    instrumentation = create()
    instrumentation.close()
    instrumentation.open(Scope(), lambda *_: None, None)
    with pytest.raises(RuntimeError, match="already open"):
        instrumentation.open(Scope(), lambda *_: None, None)
    instrumentation.close()
    instrumentation.close()


def test_another_scope(load: Load, recorder: Recorder) -> None:
    module = load(TICK)
    a = module.A()
    assert len(recorder.run(a.tick)) == 1
    with recorder.record(Scope(exclude=("tests/instrument", module.__file__))) as seen:
        a.tick()
    assert seen == []
    with recorder.record(Scope(exclude=("*/tests/instrument/*.py",))) as seen:
        a.tick()
    assert seen.brief == [("write", "n", "self.n")]


def test_the_standard_library_can_be_included(recorder: Recorder) -> None:
    import calendar

    made = calendar.Calendar(2)
    assert recorder.run(made.getfirstweekday).of("_firstweekday") == []
    with recorder.record(Scope(include=("calendar",))) as seen:
        made.getfirstweekday()
    assert seen.of("_firstweekday")


def test_unwinding_leaves_through_the_access(load: Load, recorder: Recorder) -> None:
    module = load(
        "log = []\ndef run(a):\n    try:\n        a.n = 1\n        log.append('went on')\n"
        "    finally:\n        log.append('finally')\nclass A: pass\n"
    )

    def unwind(access: Access) -> None:
        if access.name == "n":
            raise Unwound

    recorder.hook = unwind
    with recorder.record(), pytest.raises(Unwound):
        module.run(module.A())
    assert module.log == ["finally"]
    assert sys.gettrace() is None or not MONITORING
    recorder.hook = None
    assert len(recorder.run(module.run, module.A()).of("n")) == 1


def test_unwinding_leaves_through_a_call(load: Load, recorder: Recorder) -> None:
    module = load("def run(x):\n    x.append(1)\n")

    def unwind(access: Access) -> None:
        raise Unwound

    recorder.hook = unwind
    x: list[int] = []
    with recorder.record(), pytest.raises(Unwound):
        module.run(x)
    assert x == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a.n += 1", 1),  # where the function begins
        ("for _ in (1, 2, 3):\n        a.n", 1 + 3),  # the end of each turn
        ("abs(a.n)", 1 + 1),  # after the return from C
        ("helper()", 1 + 1 if not MONITORING else 1 + 2),  # before the call, too, where helper may be out of scope
        ("c['k']", 1 + 2),  # its __missing__ runs in Python: before the call, and where it begins
    ],
)
def test_opportunities(body: str, expected: int, load: Load, recorder: Recorder) -> None:
    module = load(f"class A:\n    n = 0\ndef helper(): pass\ndef run(a, c):\n    {body}\n")
    a, c = module.A(), collections.Counter[str]()
    for _ in range(2):  # the second time nothing is met for the first time
        recorder.run(module.run, a, c)  # nor does a run without opportunities leave anything switched off
        chances: list[int] = []
        with recorder.record(opportunity=functools.partial(chances.append, 1)):
            module.run(a, c)
            found = len(chances)
        assert found == expected


def test_a_missing_item_is_an_opportunity(load: Load, recorder: Recorder) -> None:
    module = load("def run(c):\n    c['k'] += 1\n")
    chances: list[int] = []
    counter = collections.Counter[str]()
    with recorder.record(opportunity=functools.partial(chances.append, 1)):
        module.run(counter)
        found = len(chances)
    assert found == 3  # where run() begins, before __missing__ is called, and where that begins


def test_deep_recursion_ends_as_without(load: Load, recorder: Recorder) -> None:
    module = load("class A: pass\ndef run(a, n):\n    a.n = n\n    return run(a, n + 1)\n")
    with recorder.record(), pytest.raises(RecursionError):
        module.run(module.A(), 0)


def test_code_dies_with_its_module(recorder: Recorder) -> None:
    names: dict[str, Any] = {}
    exec("def run(a):\n    def inner():\n        return a.n\n    a.n = 1\n    return inner()\n", names)
    run = names.pop("run")

    class A:
        pass

    recorder.run(run, A())
    known = len(registry.known)
    code = weakref.ref(run.__code__)
    del run, names
    gc.collect()
    assert code() is None
    assert len(registry.known) < known


def test_classes_die_too(load: Load, recorder: Recorder) -> None:
    module = load("def run():\n    class A: pass\n    a = A()\n    a.n = 1\n    return a.n, A\n")
    with recorder.record():
        died = weakref.ref(module.run()[1])
    gc.collect()
    assert died() is None


def test_what_loads_modules_without_telling_their_source_dies_too(load: Load, recorder: Recorder) -> None:
    """That of pytest leads to its whole session; where plugins are tested, one process has hundreds."""
    module = load("class A: pass\ndef run(a):\n    a.n = 1\n")
    module.__loader__ = type("Loader", (), {})()
    died = weakref.ref(module.__loader__)
    recorder.run(module.run, module.A())
    del module.__loader__
    gc.collect()
    assert died() is None


def test_generators_that_began_before(load: Load, recorder: Recorder) -> None:
    module = load("class A: pass\na = A()\ndef run():\n    a.n = 1\n    yield\n    a.n = 2\n    yield\n")
    generator = module.run()
    next(generator)
    with recorder.record() as seen:
        next(generator)
    assert seen.brief[-1] == ("write", "n", "a.n")


@pytest.mark.parametrize("importing", [True, False])
def test_a_module_body_under_import_is_left_alone(importing: bool, recorder: Recorder) -> None:
    body = compile("n = 0\nn += 1\n", "some_module.py", "exec")
    names = {"__spec__": types.SimpleNamespace(_initializing=importing), "__name__": "some_module"}
    seen = recorder.run(exec, body, names)
    assert [brief[0] for brief in seen.brief] == ([] if importing else ["write", "read", "write"])


def test_monkeypatched_classes_are_looked_at_anew(load: Load, recorder: Recorder) -> None:
    module = load("class A:\n    def n(self): pass\ndef run(a):\n    a.n\n")
    a = module.A()
    assert recorder.run(module.run, a) == []
    module.A.n = 3
    assert len(recorder.run(module.run, a)) == 1


def test_a_class_that_gets_an_attribute(load: Load, recorder: Recorder) -> None:
    module = load("class A: pass\ndef run(a):\n    a.n\n    A.n = 3\n    a.n\n")
    a = module.A()
    a.n = 1
    module.run(a)
    del module.A.n, a.n
    a.n = 1
    first, write, second = recorder.run(module.run, a)
    assert (first.also, write.owner, second.also) == (None, module.A, None)
    del a.n
    module.A.n = 1
    del module.A.n
    with recorder.record() as seen, pytest.raises(AttributeError):
        module.run(a)
    assert seen[0].owner is a


@pytest.mark.skipif(not MONITORING, reason="tool ids belong to sys.monitoring")
def test_tool_ids() -> None:
    taken = []
    try:
        monitoring().use_tool_id(3, "other")
        taken.append(3)
        instrumentation = create()
        instrumentation.open(Scope(), lambda *_: None, None)
        assert monitoring().get_tool(4) == "racecheck"
        instrumentation.close()
        monitoring().use_tool_id(4, "another")
        taken.append(4)
        with pytest.raises(InstrumentationError, match="3 by other, 4 by another"):
            instrumentation.open(Scope(), lambda *_: None, None)
        instrumentation.close()
    finally:
        for tool in taken:
            monitoring().free_tool_id(tool)


MEASURED = """
class A:
    n = 0

    def both(self, k):
        if k:
            self.n += 1
        else:
            self.n -= 1
        return [self.n for _ in range(2)]
"""

MEASURING = """
import measured
from tests.instrument.conftest import Recorder
from pytest_racecheck.instrument import create

with Recorder(create()).record() as seen:
    measured.A().both(0)
    measured.A().both(1)
print(len([each for each in seen if each.key == "n"]))
"""


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"] if MONITORING else ["ctrace", "pytrace"])
def test_coverage_misses_nothing(core: str, tmp_path: Path) -> None:
    pytest.importorskip("coverage")
    (tmp_path / "measured.py").write_text(MEASURED)
    (tmp_path / "measuring.py").write_text(MEASURING)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "COVERAGE_CORE": core, "PYTHONPATH": os.pathsep.join([str(root), str(tmp_path)])}

    def coverage(*arguments: str) -> str:
        command = [sys.executable, "-m", "coverage", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    assert coverage("run", "--include=measured.py", "measuring.py") == "8\n"
    assert coverage("report", "--format=total") == "100\n"


@pytest.mark.skipif(MONITORING, reason="sys.settrace is used before 3.12 only")
class TestTracing:
    def test_writes_of_others_to_cells_survive_a_pause(self, load: Load, recorder: Recorder) -> None:
        module = load(CELLS)
        read, write, touch = module.make()
        paused: list[Access] = []

        def pause(access: Access) -> None:
            if not paused:
                paused.append(access)
                in_another_thread(lambda: write(42))

        recorder.hook = pause
        with recorder.record():
            assert touch() == 42
        assert paused
        assert read() == 42

    def test_a_tracer_in_python_goes_on(self, load: Load, recorder: Recorder) -> None:
        module = load(TICK)
        lines: list[int] = []

        def tracer(frame: FrameType, event: str, arg: object) -> Any:
            if frame.f_code.co_filename == module.__file__:
                lines.append(frame.f_lineno)
            return tracer

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            seen = recorder.run(module.A().tick)
            module.A().tick()
        finally:
            mine = sys.gettrace()
            sys.settrace(before)
        assert mine is tracer
        assert seen.brief == [("write", "n", "self.n")]
        assert lines == [3, 4, 4] * 2  # call, line, return

    def test_a_tracer_that_reinstalls_itself_goes_on(self, load: Load, recorder: Recorder) -> None:
        module = load(TICK + "    def twice(self):\n        self.tick()\n        self.tick()\n")
        calls: list[str] = []

        def tracer(frame: FrameType, event: str, arg: object) -> Any:
            if event == "call" and frame.f_code.co_filename == module.__file__:
                calls.append(frame.f_code.co_name)
            if event == "call":
                sys.settrace(tracer)  # as coverage's does
            return tracer

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            seen = recorder.run(module.A().twice)
        finally:
            sys.settrace(before)
        assert len(seen.of("n")) == 2
        assert calls == ["twice", "tick", "tick"]

    def test_the_tracer_comes_back_after_unwinding(self, load: Load, recorder: Recorder) -> None:
        module = load(TICK)

        def tracer(frame: FrameType, event: str, arg: object) -> Any:
            return None

        def unwind(access: Access) -> None:
            raise Unwound

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            recorder.hook = unwind
            with recorder.record(), pytest.raises(Unwound):
                module.A().tick()
            assert sys.gettrace() is tracer
        finally:
            sys.settrace(before)

    def test_threads_with_a_hook_of_threading(self, load: Load, recorder: Recorder) -> None:
        module = load(TICK)
        a = module.A()
        calls: list[str] = []

        def hook(frame: FrameType, event: str, arg: object) -> Any:
            if frame.f_code.co_filename == module.__file__:
                calls.append(frame.f_code.co_name)

        def bootstrap() -> None:
            recorder.instrumentation.enter_thread()
            sys.settrace(threading.gettrace())  # threading does so right before run(), and throws out what was there
            run()
            recorder.instrumentation.leave_thread()

        def run() -> None:
            current.thread.ident = real.get_ident()  # type: ignore[union-attr]
            a.tick()

        before = threading.gettrace()
        threading.settrace(hook)
        try:
            with recorder.record() as seen:
                in_another_thread(bootstrap)
            assert threading.gettrace() is hook
        finally:
            threading.settrace(before)
        assert seen.brief == [("write", "n", "self.n")]
        assert calls == ["tick"]


@pytest.mark.parametrize("gil", [False, True])
def test_threads_that_nobody_controls_are_left_in_peace(tmp_path: Path, gil: bool) -> None:
    """Where events come from every thread, one may still be on its way when the item ends."""
    file = str(tmp_path / "busy.py")
    failures: list[BaseException] = []
    end = threading.Event()

    def work() -> None:
        try:
            while not end.is_set():
                module: dict[str, Any] = {}
                exec(compile(TICK, file, "exec"), module)
                for _ in range(3):
                    module["A"]().tick()
        except BaseException as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    instrumentation = create()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            instrumentation.open(Scope((), ()), lambda *_: None, (lambda: None) if gil else None)
            instrumentation.close()
    finally:
        sys.setswitchinterval(interval)
        end.set()
        for thread in threads:
            thread.join()
    assert not failures
