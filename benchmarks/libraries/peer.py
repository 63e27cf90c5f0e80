"""Runs one case of the folder under one of the peers, in a process of its own, and prints what came of it.

``python -m benchmarks.libraries.peer frontrun path/to/test_case.py``: one word, "failed", "passed" or "deadlock".
Both peers are given what they need by hand: the parts of the case (``setup``, ``WORKERS``, ``check``), and every
installed library that the case imports as their scope.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Interleavings, as many as racecheck runs by default.
RUNS: Final = 200

SITE: Final = str(Path(importlib.util.find_spec("pytest").origin or "").parents[1])  # type: ignore[union-attr]


def load(path: Path) -> Any:
    """The case as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def libraries(before: frozenset[str], module: Any) -> list[str]:
    """The modules to look at: installed ones that the case imported, and those of the standard library it names."""
    found = {name.partition(".")[0] for name in set(sys.modules) - before if _is_installed(name)}
    named = {_module_name(path) for path in module.META.get("trace", ())}
    return sorted(found | named)


def _module_name(path: str) -> str:
    return path.strip("/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_installed(name: str) -> bool:
    return str(getattr(sys.modules[name], "__file__", None) or "").startswith(SITE)


def holds(module: Any) -> Callable[[Any], bool]:
    """The check of the case as a predicate."""

    def invariant(state: Any) -> bool:
        try:
            module.check(state)
        except AssertionError:
            return False
        return True

    return invariant


def frontrun(module: Any, scope: list[str]) -> str:
    """Random schedules: of its strategies, the one that finds most."""
    import frontrun

    result = frontrun.explore(
        setup=module.setup,
        workers=list(module.WORKERS),
        invariant=holds(module),
        strategy="random",
        max_attempts=RUNS,
        seed=0,
        trace_packages=[pattern for name in scope for pattern in (name, f"{name}.*")],
    )
    if result.property_holds:
        return "passed"
    return "deadlock" if "deadlock" in str(result.explanation).lower() else "failed"


def interleave(module: Any, scope: list[str]) -> str:
    """PCT: of its strategies, the one that finds most."""
    import interleave_test

    def model() -> None:
        state = module.setup()
        threads = [threading.Thread(target=worker, args=(state,), daemon=True) for worker in module.WORKERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        module.check(state)

    files = [str(module.__file__)]
    for name in scope:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            place = Path(spec.origin)
            files.append(str(place.parent if place.name == "__init__.py" else place))
    try:
        interleave_test.explore(model, iterations=RUNS, seed=0, strategy="pct", include=files)
    except interleave_test.DeadlockError:
        return "deadlock"
    except (interleave_test.RaceFound, interleave_test.HangError):
        return "failed"
    return "passed"


def main() -> None:
    """Print what came of it."""
    tool, path = sys.argv[1:]
    before = frozenset(sys.modules)
    module = load(Path(path))
    run = {"frontrun": frontrun, "interleave-test": interleave}[tool]
    print(f"came to: {run(module, libraries(before, module))}", flush=True)


if __name__ == "__main__":
    main()
