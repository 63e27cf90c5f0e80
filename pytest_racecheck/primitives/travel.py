"""time-machine changes the clocks of `time` and `datetime` where they are in C, and takes for granted that they are.

So it is given the originals whenever it does so. The stand-ins then go by its time where they would tell the real one,
and it goes by virtual time where that holds.
"""

from __future__ import annotations

import importlib.machinery
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any, Final

from pytest_racecheck.primitives import dates
from pytest_racecheck.primitives.virtual_time import FUNCTIONS, VirtualTime

#: The part of it in C, and what there changes the clocks: up to its version 2, and later.
_MODULE: Final = "_time_machine"
_CHANGE: Final = ("patch_if_needed", "patch", "unpatch")

#: Of the module `time`, by name.
_originals: dict[str, object] = {}


def watch(originals: dict[str, object]) -> None:
    """Begins with the stand-ins of `time` for ``originals``."""
    _originals.update(originals)
    if _MODULE in sys.modules:
        _adapt(sys.modules[_MODULE])
    else:
        sys.meta_path.insert(0, _FINDER)


def forget() -> None:
    """The stand-ins are gone. Harmless when called twice."""
    _originals.clear()
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname == _MODULE else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Adapting(spec.loader)
        return spec


_FINDER: Final = _Finder()


class _Adapting(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with _no_stand_ins():
            self._loader.exec_module(module)
        _adapt(module)


def _adapt(module: Any) -> None:
    for name in _CHANGE:
        if hasattr(module, name):
            setattr(module, name, _with_originals(getattr(module, name)))
    real_time_ns: Callable[[], int] = module.original_time_ns
    module.original_time_ns = lambda: FUNCTIONS.present(real_time_ns)


def _with_originals(change: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with _no_stand_ins():
            change()
        package: Any = sys.modules["time_machine"]
        stack = "traveller_stack" if hasattr(package, "traveller_stack") else "coordinates_stack"
        VirtualTime.travellers = getattr(package, stack)

    return run


@contextmanager
def _no_stand_ins() -> Iterator[None]:
    found = {name: getattr(time, name) for name in _originals}
    swapped = {name: value for name, value in found.items() if getattr(value, "__self__", None) is FUNCTIONS}
    for name in swapped:
        setattr(time, name, _originals[name])
    had_dates = dates.close_dates()
    try:
        yield
    finally:
        if had_dates:
            dates.open_dates()
        for name, value in swapped.items():
            setattr(time, name, value)
