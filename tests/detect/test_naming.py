"""Names of objects by where they live, and nothing run or changed while looking."""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from itertools import permutations, starmap
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pytest_racecheck.detect.naming import Namer, name_of
from pytest_racecheck.primitives.lock import Lock
from pytest_racecheck.primitives.rlock import RLock
from pytest_racecheck.primitives.simple_queue import SimpleQueue

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE_LOCK = threading.Lock()


class Account:
    shared = threading.Lock()

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def frame(self) -> FrameType:
        return sys._getframe()


class Bank:
    def __init__(self) -> None:
        self.accounts = {"alice": Account(), 7: Account()}
        self.vaults = [Account(), Account()]


class Slotted:
    __slots__ = ("empty", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()


def here() -> FrameType:
    """The caller's frame."""
    frame = sys._getframe().f_back
    assert frame is not None
    return frame


def name(value: object, *frames: FrameType) -> str:
    return name_of(value, frames)


def test_module_global() -> None:
    assert name(MODULE_LOCK, here()) == f"{__name__}.MODULE_LOCK"


def test_global_of_an_imported_module(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("db.locks")
    module.__file__ = "/src/db/locks.py"
    vars(module)["write_lock"] = threading.Lock()
    monkeypatch.setitem(globals(), "locks", module)
    assert name(vars(module)["write_lock"], here()) == "db.locks.write_lock"


def test_local_variable() -> None:
    lock = threading.Lock()
    assert name(lock, here()) == "lock"


def test_variable_of_the_enclosing_function() -> None:
    lock = threading.Lock()

    def inner() -> str:
        assert lock is not None
        return name(lock, here())

    assert inner() == "lock"


@pytest.mark.parametrize("make", [threading.Lock, Lock, RLock, SimpleQueue])
def test_attribute_goes_before_an_alias(make: Callable[[], Any]) -> None:
    account = Account()
    account._lock = make()
    alias = account._lock
    assert name(alias, here()) == "account._lock"


def test_own_name_goes_before_the_insides_of_a_library_object() -> None:
    lock = threading.Lock()
    condition = threading.Condition(lock)
    assert name(lock, here()) == "lock"
    assert name(condition, here()) == "condition"
    del lock
    assert name(condition._lock, here()) == "condition._lock"  # type: ignore[attr-defined]


def test_items_of_containers() -> None:
    forks = [threading.Lock() for _ in range(3)]
    ring = deque(threading.Lock() for _ in range(3))
    locks = {"a": threading.Lock(), (1, 2): threading.Lock()}
    assert name(forks[2], here()) == "forks[2]"
    assert name(ring[1], here()) == "ring[1]"
    assert name(locks["a"], here()) == "locks['a']"
    assert name(locks[1, 2], here()) == "Lock #1"


def test_ways_over_several_objects() -> None:
    bank = Bank()
    assert name(bank.accounts["alice"]._lock, here()) == "bank.accounts['alice']._lock"
    assert name(bank.accounts[7]._lock, here()) == "bank.accounts[7]._lock"
    assert name(bank.vaults[1]._lock, here()) == "bank.vaults[1]._lock"


def test_self_is_named_by_its_class() -> None:
    frame = Account().frame()
    lock = frame.f_locals["self"]._lock
    names = Namer([frame])
    del lock
    assert names.name(frame.f_locals["self"]._lock) == "Account._lock"


def in_thread(function: Any) -> Any:
    """Runs it where none of the test's own variables can be seen."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_several_selves_are_told_apart_by_number() -> None:
    found = in_thread(lambda: [Account().frame(), Account().frame()])
    names = Namer(found)
    assert [names.name(each.f_locals["self"]._lock) for each in found] == ["Account #1._lock", "Account #2._lock"]


def test_class_attribute() -> None:
    account = Account()
    assert account is not None
    assert name(Account.shared, here()) in {"Account.shared", f"{__name__}.Account.shared"}


def test_slots() -> None:
    slotted = Slotted()
    assert name(slotted.lock, here()) == "slotted.lock"


def worker(first: Any, second: Any) -> FrameType:
    assert first is not second
    return here()


def test_variable_that_means_several_things_names_none_of_them() -> None:
    frames = in_thread(both_orders)
    names = Namer(frames)
    given = {names.name(frames[0].f_locals["first"]), names.name(frames[0].f_locals["second"])}
    assert given == {"Lock #1", "Lock #2"}


def both_orders() -> list[FrameType]:
    return list(starmap(worker, permutations(make_pair())))


def make_pair() -> tuple[object, object]:
    return threading.Lock(), threading.Lock()


def test_variable_of_the_test_goes_before_numbers() -> None:
    lock_a, lock_b = make_pair()
    names = Namer([here(), worker(lock_a, lock_b), worker(lock_b, lock_a)])
    assert [names.name(lock_a), names.name(lock_b)] == ["lock_a", "lock_b"]


def test_what_nothing_leads_to_has_its_type_and_a_number() -> None:
    names = Namer([here()])
    assert names.name(threading.Lock()) == "Lock #1"
    assert names.name(threading.RLock()) == "RLock #1"
    assert names.name(threading.Lock()) == "Lock #2"
    assert names.name(Account()) == "Account #1"


def test_a_name_is_given_once_and_stays() -> None:
    names = Namer([])
    one, two = threading.Lock(), threading.Lock()
    assert [names.name(each) for each in (one, two, one)] == ["Lock #1", "Lock #2", "Lock #1"]


def test_library_frames_name_nothing() -> None:
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    try:
        assert thread.ident is not None
        assert name(event, sys._current_frames()[thread.ident]) == "Event #1"
    finally:
        event.set()
        thread.join()


class Refuses(type):
    def __getattribute__(cls, attribute: str) -> NoReturn:
        raise AssertionError(attribute)

    def __instancecheck__(cls, instance: object) -> NoReturn:
        raise AssertionError(instance)


class Hostile(metaclass=Refuses):
    """Runs user code at every touch."""

    def __getattribute__(self, attribute: str) -> NoReturn:
        raise AssertionError(attribute)

    def _refuse(self, *args: object) -> NoReturn:
        raise AssertionError(args)

    __eq__ = __hash__ = __repr__ = __str__ = __len__ = __iter__ = __getitem__ = __bool__ = _refuse
    __class__ = property(_refuse)


class Proxy:
    @property
    def __dict__(self) -> NoReturn:  # type: ignore[override]
        raise AssertionError


class Key:
    """Can be hashed once, when it is put into a dict, and never again."""

    def __init__(self) -> None:
        self.used = False

    def __hash__(self) -> int:
        assert not self.used
        self.used = True
        return 1

    def __eq__(self, other: object) -> NoReturn:
        raise AssertionError(other)


def test_no_user_code_is_called() -> None:
    hostile = Hostile()
    object.__setattr__(hostile, "lock", threading.Lock())
    owner = Account()
    everything = [Hostile, Proxy(), weakref.proxy(owner), {"key": hostile}, {Key(): owner}, vars]
    assert everything
    names = Namer([here()])
    assert names.name(object.__getattribute__(hostile, "__dict__")["lock"]) == "hostile.lock"
    assert names.name(hostile) == "hostile"


class Internal:
    """As if it were pytest's: leads to everything in the session."""

    __module__ = "_pytest.fixtures"

    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_insides_of_pytest_and_of_racecheck_name_nothing() -> None:
    request = Internal()
    assert name(request, here()) == "request"
    assert name(request.lock, here()) == "Lock #1"


def test_the_number_of_objects_looked_at_is_bounded() -> None:
    many = [[[Account() for _ in range(20)] for _ in range(100)] for _ in range(100)]
    assert many
    names = Namer([here()])
    assert names.name(threading.Lock()) == "Lock #1"
    assert names._names is not None
    assert 1_000 < len(names._names) < 6_000


def test_long_names_are_cut_and_stay_apart() -> None:
    locks = {"k" * 1000 + end: threading.Lock() for end in "ab"}
    names = Namer([here()])
    first, second = map(names.name, locks.values())
    assert len(first) <= 60
    assert second == f"{first} #1"
