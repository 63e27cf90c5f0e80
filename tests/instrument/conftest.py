"""A listener that records, in place of the engine."""

from __future__ import annotations

import gc
import itertools
import linecache
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from pytest_racecheck.engine import current, real
from pytest_racecheck.instrument import Instrumentation, Scope, create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_racecheck.engine.operation import Access


class Seen(NamedTuple):
    """One access, as the listener heard of it."""

    access: Access
    owner: object
    key: object
    also: object

    @property
    def brief(self) -> tuple[str, str, str]:
        return self.access.kind, self.access.name, self.access.site.source


class Recording(list[Seen]):
    """What was seen, in order."""

    @property
    def brief(self) -> list[tuple[str, str, str]]:
        """Kind, name and source text of each."""
        return [seen.brief for seen in self]

    def of(self, name: str) -> list[Seen]:
        """Those of one name."""
        return [seen for seen in self if seen.access.name == name]


class Recorder:
    """Runs code instrumented; pretends that the calling thread is the controlled one that holds the baton."""

    def __init__(self, instrumentation: Instrumentation) -> None:
        self.instrumentation = instrumentation
        self.hook: Callable[[Access], None] | None = None
        self.opportunities: list[int] | None = None

    @contextmanager
    def record(self, scope: Scope | None = None, opportunity: Callable[[], None] | None = None) -> Iterator[Recording]:
        seen = Recording()

        def listen(access: Access, owner: object, key: object, also: object | None) -> None:
            seen.append(Seen(access, owner, key, also))
            if self.hook is not None:
                self.hook(access)

        thread = types.SimpleNamespace(ident=real.get_ident(), quiet=0)
        before = current.thread, current.concurrent
        gc.disable()  # as the engine does: what a collection calls is not part of the test
        self.instrumentation.open(scope or Scope(exclude=("tests/instrument",)), listen, opportunity)
        try:
            self.instrumentation.enter_thread()
            current.thread, current.concurrent = cast("Any", thread), True
            try:
                yield seen
            finally:
                current.thread, current.concurrent = before
                self.instrumentation.leave_thread()
        finally:
            self.instrumentation.close()
            gc.enable()

    def run(self, function: Callable[..., object], *arguments: object) -> Recording:
        """What ``function`` does, seen from inside its call."""
        with self.record() as seen:
            function(*arguments)
        return seen


def in_another_thread(function: Callable[[], object]) -> None:
    """Runs ``function`` in a thread that nothing controls, and waits for its end."""
    done = real.allocate_lock()
    done.acquire()

    def body() -> None:
        try:
            function()
        finally:
            done.release()

    real.start_new_thread(body, ())
    done.acquire()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    instrumentation = create()
    yield Recorder(instrumentation)
    instrumentation.close()


_numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Any]:
    """Makes a module of a source text; its functions are seen for the first time by the test."""

    def make(source: str) -> Any:
        name = f"snippet_{next(_numbers)}"
        file = tmp_path / f"{name}.py"
        file.write_text(source, encoding="utf-8")
        linecache.checkcache(str(file))
        module = types.ModuleType(name)
        module.__file__ = str(file)
        exec(compile(source, str(file), "exec"), module.__dict__)
        return module

    return make
