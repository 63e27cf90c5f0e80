"""What else there is: the same function in threads, processes and sub-interpreters, as often, and how long that takes.

Start-up counts: a pool of new processes that takes longer to start than the work is no way out.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_racecheck.engine import real
from pytest_racecheck.gil import interpreters
from pytest_racecheck.gil.interpreters import NotPossibleError
from pytest_racecheck.gil.together import InThreads
from pytest_racecheck.report.json_file import is_free_threaded

#: Seconds after which a way is given up, over those that the serial run takes.
_PATIENCE: Final = 10.0


@dataclass
class Way:
    """One way to run it. ``seconds`` in all, ``start`` of them before the first call; ``why_not`` if it can't be had.

    ``speedup`` is the time of the serial run by ``seconds``.
    """

    name: str
    seconds: float | None = None
    start: float | None = None
    speedup: float | None = None
    why_not: str = ""

    def __str__(self) -> str:
        if self.seconds is None or self.speedup is None:
            return f"{self.name}: not tried, {self.why_not}"
        if not self.start:
            return f"{self.name}: {self.seconds:.3f} s, speed-up {self.speedup:.2f}"
        later = self.speedup * self.seconds / max(self.seconds - self.start, 1e-9)
        start = f"{self.start * 1000:.0f} ms to start, {later:.2f} without them"
        return f"{self.name}: {self.seconds:.3f} s, speed-up {self.speedup:.2f} ({start})"


@dataclass
class WhatIf:
    """``serial``: seconds for ``calls`` calls one after the other, in this process."""

    calls: int
    serial: float
    ways: dict[str, Way] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Way:
        return self.ways[name]

    @property
    def best(self) -> Way | None:
        """The fastest of the ways that could be tried."""
        tried = [way for way in self.ways.values() if way.seconds is not None]
        return min(tried, key=lambda way: way.seconds or 0.0, default=None)

    def __str__(self) -> str:
        return "\n".join([f"serial: {self.serial:.3f} s for {self.calls} calls", *map(str, self.ways.values())])


def what_if(function: Callable[..., object], calls: int, args: tuple[object, ...]) -> WhatIf:
    """Try ``calls`` calls of ``function(*args)`` each way. Raises what the function raises here."""
    function(*args)  # warms up what is loaded at the first call
    serial = _timed(lambda: [function(*args) for _ in range(calls)])
    found = WhatIf(calls, serial)
    limit = _PATIENCE + 4 * serial
    trials: list[tuple[str, Callable[[], tuple[float, float]]]] = [
        ("threads", lambda: (0.0, _timed(InThreads(function, calls, args).call))),
        ("fork pool", lambda: _pool("fork", function, calls, args, limit)),
        ("spawn pool", lambda: _pool("spawn", function, calls, args, limit)),
        ("sub-interpreters", lambda: interpreters.run(function, calls, args, limit)),
    ]
    for name, trial in trials:
        way = found.ways[name] = Way(name)
        try:
            start, seconds = trial()
        except NotPossibleError as reason:
            way.why_not = str(reason)
        except Exception as error:  # noqa: BLE001 - whatever the function does elsewhere is a reason, not a failure
            way.why_not = f"{type(error).__name__}: {error}"
        else:
            way.start, way.seconds, way.speedup = start, seconds, serial / seconds
    if is_free_threaded():
        found.ways["threads"].name = "threads (no GIL)"
    return found


def _timed(call: Callable[[], object]) -> float:
    began = real.monotonic()
    call()
    return max(real.monotonic() - began, 1e-9)


#: In a process of a pool: what it is to call.
_work: tuple[Callable[..., object], tuple[object, ...]] | None = None


def _set_work(function: Callable[..., object], args: tuple[object, ...]) -> None:
    global _work
    _work = function, args


def _do_work(_number: int) -> None:
    if _work is not None:
        function, args = _work
        function(*args)


def _ready(_number: int) -> None:
    """The first task of a pool, to know when it has started."""


def _pool(
    method: str, function: Callable[..., object], calls: int, args: tuple[object, ...], limit: float
) -> tuple[float, float]:
    if method not in multiprocessing.get_all_start_methods():
        raise NotPossibleError(f"{sys.platform} can't {method}")
    if method != "fork":  # which needs no pickle: the child has what the parent had
        try:
            pickle.dumps((function, args))
        except Exception as error:  # noqa: BLE001 - the objects' own code may run
            raise NotPossibleError(f"not picklable: {error}") from None
    context: Any = multiprocessing.get_context(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads are there, and of no concern to the child
        began = real.monotonic()
        with _closed(context.Pool(calls, _set_work, (function, args))) as pool:
            try:
                pool.map_async(_ready, range(calls), 1).get(limit)
                start = real.monotonic() - began
                pool.map_async(_do_work, range(calls), 1).get(limit)
            except multiprocessing.TimeoutError:
                raise NotPossibleError(f"no answer in {limit:.0f} s") from None
            return start, real.monotonic() - began


@contextlib.contextmanager
def _closed(pool: Any) -> Iterator[Any]:
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()
