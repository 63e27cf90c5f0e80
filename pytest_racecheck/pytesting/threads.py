"""Run callables in threads of their own: plain threading, which the engine controls as any other."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pytest_racecheck.engine.errors import Unwind


def run_together(callables: Sequence[Callable[[], object]]) -> list[Any]:
    """Start each in a thread, wait for all, and return the results in the order of the callables.

    When some raise, the exception that came first is raised again here, with its traceback, after all have ended.
    """
    __tracebackhide__ = True
    for function in callables:
        if not callable(function):
            raise TypeError(f"racecheck.run() takes callables, not {function!r}")
    results: list[Any] = [None] * len(callables)
    raised: list[BaseException] = []

    def kept(position: int, function: Callable[[], object]) -> Callable[[], None]:
        @functools.wraps(function)  # reports name the function that a thread runs
        def run() -> None:
            __tracebackhide__ = True
            try:
                results[position] = function()
            except Unwind:
                raise
            except BaseException as exc:  # noqa: BLE001 - pytest.fail() and its like are no Exception
                raised.append(exc)

        return run

    threads = [
        threading.Thread(target=kept(position, function), name=name)
        for position, (function, name) in enumerate(zip(callables, _names(callables), strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # else the exception would hold a frame that holds the exception
    return results


def in_threads(function: Callable[..., object], threads: int) -> Callable[..., object]:
    """A function that runs ``function`` in so many threads at once, all with the same arguments."""

    @functools.wraps(function)
    def run(*args: object, **kwargs: object) -> object:
        __tracebackhide__ = True
        bound = functools.partial(function, *args, **kwargs)
        results = run_together([functools.update_wrapper(functools.partial(bound), function)] * threads)
        return next((result for result in results if result is not None), None)  # pytest warns of it

    return run


def _names(callables: Sequence[Callable[[], object]]) -> list[str]:
    """Names for the threads that are the same in every interleaving: the functions', numbered where they are equal."""
    plain = [_name(function) for function in callables]
    total, so_far = Counter(plain), Counter[str]()
    names = []
    for name in plain:
        so_far[name] += 1
        names.append(f"{name}-{so_far[name]}" if total[name] > 1 else name)
    return names


def _name(function: object) -> str:
    while isinstance(function, functools.partial) and not hasattr(function, "__name__"):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))
