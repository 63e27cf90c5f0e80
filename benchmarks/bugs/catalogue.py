"""All programs: where they stand, the sizes to run them in, and what others have published about them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

OWN: Final = Path(__file__).parent / "programs"
SHARED: Final = Path(__file__).parents[2] / "tests" / "programs" / "buggy"


@dataclass(frozen=True)
class Bug:
    """A program in one size. ``published``: mean number of schedules to the first bug, by strategy.

    ``budget``: the interleavings within which it has to be found.
    """

    file: Path
    size: tuple[int, ...] = ()
    budget: int = 200
    published: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the program, and its size."""
        return " ".join([self.file.stem, "+".join(map(str, self.size))]).strip()

    @property
    def title(self) -> str:
        """The name, and which variant it is where there are two."""
        twin = SHARED / self.file.name
        return f"{self.name} (smaller)" if self.file == twin and (OWN / self.file.name).exists() else self.name

    @property
    def body(self) -> Callable[[], None]:
        """One run of the program."""
        module = _load(self.file)
        (test,) = (value for name, value in vars(module).items() if name.startswith("test_"))
        return partial(test, *self.size)


_modules: dict[Path, ModuleType] = {}


def _load(file: Path) -> ModuleType:
    module = _modules.get(file)
    if module is None:
        spec = importlib.util.spec_from_file_location(f"bug_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = _modules[file] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def _own(name: str, *size: int, **more: Any) -> Bug:
    return Bug(OWN / f"{name}.py", size, **more)


def _shared(name: str, **more: Any) -> Bug:
    return Bug(SHARED / f"{name}.py", **more)


#: Each is found within its budget.
BUGS: Final = (
    _shared("account"),
    _own("bluetooth_driver", published={"surw": "70", "pos": "36", "pct": "112"}),
    _shared("bluetooth_driver"),
    _shared("carter01"),
    _own("circular_buffer"),
    _shared("circular_buffer"),
    _shared("deadlock01"),
    _shared("lazy01"),
    _own("queue"),
    _own("stack"),
    _own("token_ring"),
    _shared("token_ring"),
    _own("reorder", 2, 1),
    _own("reorder", 4, 1),
    _own("reorder", 9, 1, published={"surw": "17", "pos": "not in 10,000", "pct": "3,225", "random": "not in 10,000"}),
    _own("reorder", 19, 1),
    _own("reorder", 10, 10),
    _own("twostage", 2),
    _own("twostage", 10),
    _own("twostage", 20, published={"surw": "6", "pos": "156", "pct": "159"}),
    _own("twostage", 50),
    _own("wronglock", 1, 1),
    _own("wronglock", 1, 3),
    _own("wronglock", 1, 7),
    _shared("string_buffer", published={"surw": "8", "pos": "23", "pct": "281"}),
    _own("work_stealing_queue"),
    _shared("work_stealing_queue"),
    _shared("aba_stack"),
    *(_own("dining_philosophers", seats) for seats in range(3, 11)),
    _shared("bounded_buffer_single_notify"),
    _shared("lost_wakeup"),
    _shared("event_cleared_too_late"),
    _own("reorder", 99, 1, budget=1_000),
)

#: Out of reach of every strategy known, within any budget that one would wait for in a test.
SAFE_STACK: Final = _own("safe_stack", budget=100_000, published={"surw": "369,000"})
