"""A function in several sub-interpreters, each with a GIL of its own, in a thread of its own."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

from pytest_racecheck.engine import real


class NotPossibleError(Exception):
    """Why a way can't be tried here, in words for the report."""


_PREPARE = """
import sys
sys.path[:] = {path!r}
import pickle
function, args = pickle.loads({data!r})
"""


def run(function: Callable[..., object], calls: int, args: tuple[object, ...], limit: float) -> tuple[float, float]:
    """``calls`` calls at once: seconds until all could begin, and seconds in all. NotPossibleError, if it can't be."""
    module = _module()
    try:
        data = pickle.dumps((function, args))
    except Exception as error:  # noqa: BLE001 - the objects' own code may run
        raise NotPossibleError(f"not picklable: {error}") from None
    began = real.monotonic()
    made: list[Any] = []
    try:
        for _ in range(calls):
            made.append(module.create())
            # Its main thread is the one that imports this: if that ends, 3.12 waits for it when it destroys.
            module.run_string(made[-1], "import threading")
        prepare = _PREPARE.format(path=sys.path, data=data)
        _in_all(module, made, prepare, limit)
        start = real.monotonic() - began
        _in_all(module, made, "function(*args)", limit)
        return start, real.monotonic() - began
    finally:
        for each in made:
            module.destroy(each)


def _module() -> Any:
    """The module that has them: its name, and what its functions return, differ by version."""
    for name in ("_interpreters", "_xxsubinterpreters") if sys.version_info >= (3, 12) else ():
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise NotPossibleError("sub-interpreters with a GIL of their own need CPython 3.12 or newer")


def _in_all(module: Any, interpreters: list[Any], code: str, limit: float) -> None:
    failures: list[str] = []

    def work(interpreter: Any) -> None:
        try:
            failure = module.run_string(interpreter, code)
        except Exception as error:  # noqa: BLE001 - 3.12 raises, 3.13 returns
            failures.append(str(error))
        else:
            if failure is not None:
                failures.append(str(getattr(failure, "formatted", failure)))

    threads = [threading.Thread(target=work, args=(each,), daemon=True) for each in interpreters]
    for thread in threads:
        thread.start()
    end = real.monotonic() + limit
    for thread in threads:
        thread.join(max(0.0, end - real.monotonic()))
    if any(thread.is_alive() for thread in threads):
        raise NotPossibleError(f"no answer in {limit:.0f} s")
    if failures:
        raise NotPossibleError(_refusal(failures[0]))


def _refusal(text: str) -> str:
    if "subinterpreters" in text:
        return f"a module refuses: {text}"
    return text
