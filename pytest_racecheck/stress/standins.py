"""What the stand-ins do under stress: they record who holds and who waits for what, and use the originals.

Put in place as methods of the stand-ins' classes, for as long as an item is under stress: outside of that they cost
nothing. Threads that belong to no run go to the methods that were there before.
"""

from __future__ import annotations

import sys
import threading
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real, stressed
from pytest_racecheck.primitives import thread as controlled
from pytest_racecheck.primitives.lock import TIMEOUT_MAX, Lock, check_timeout
from pytest_racecheck.primitives.origin import Origin
from pytest_racecheck.primitives.patches import Patches
from pytest_racecheck.primitives.rlock import RLock
from pytest_racecheck.primitives.simple_queue import SimpleQueue

if TYPE_CHECKING:
    from pytest_racecheck.stress.thread import StressThread

_CONDITION_WAIT: Final = threading.Condition.wait.__code__
_lock_acquire, _lock_release = Lock.acquire, Lock.release
_rlock_acquire, _rlock_release = RLock.acquire, RLock.release
_release_save, _acquire_restore = RLock._release_save, RLock._acquire_restore
_put, _get = SimpleQueue.put, SimpleQueue.get
_join = controlled.join

_patches: Final = Patches()


def _mine() -> StressThread | None:
    run = stressed.run
    return None if run is None else run.mine()


# --- locks


def _obtain(lock: Lock | RLock, me: StressThread, blocking: bool, timeout: float) -> bool:
    if not blocking or timeout != -1:
        check_timeout(blocking, timeout)
    me.reach("acquire" if blocking else "try-acquire")
    if not lock.real.acquire(False):
        if not blocking:
            return False
        if not me.wait(lock, lambda seconds: bool(lock.real.acquire(True, seconds)), None if timeout < 0 else timeout):
            return False
    # A duck of another pond: all that others ask of an owner is who it is.
    lock.owner = me  # type: ignore[assignment]
    me.held[lock] = me.recent[-1][3] if me.recent else None
    return True


def _give_back(lock: Lock | RLock) -> None:
    """Forgets the owner before anybody else can become it, then releases the lock."""
    owner = lock.owner
    if owner is not None:
        lock.owner = None
        owner.held.pop(lock, None)
    lock.real.release()


def _lock_acquire_stressed(self: Lock, blocking: bool = True, timeout: float = -1) -> bool:
    me = _mine()
    if me is None:
        return _lock_acquire(self, blocking, timeout)
    if sys._getframe(1).f_code is _CONDITION_WAIT:
        return _await_notify(self, me, blocking, timeout)
    return _obtain(self, me, blocking, timeout)


def _await_notify(lock: Lock, me: StressThread, blocking: bool, timeout: float) -> bool:
    """The lock that `Condition.wait` makes for one waiter: nobody owns it, whoever notifies releases it."""
    if lock.origin is not Origin.waiter:
        lock.origin = Origin.waiter
        return lock.real.acquire()
    me.reach("block")
    if lock.real.acquire(False):
        return True
    return blocking and me.wait(
        lock, lambda seconds: lock.real.acquire(True, seconds), None if timeout < 0 else min(timeout, TIMEOUT_MAX)
    )


def _lock_enter(self: Lock) -> bool:
    me = _mine()
    return _lock_acquire(self) if me is None else _obtain(self, me, True, -1)


def _lock_release_stressed(self: Lock) -> None:
    if stressed.run is None:  # a method that was bound under stress
        _lock_release(self)
        return
    try:
        me = None if self.origin is Origin.waiter else _mine()
        if me is not None:
            me.reach("release")
    finally:
        _give_back(self)


def _rlock_acquire_stressed(self: RLock, blocking: bool = True, timeout: float = -1) -> bool:
    me = _mine()
    if me is None:
        return _rlock_acquire(self, blocking, timeout)
    return bool(self.real.acquire()) if self.real._is_owned() else _obtain(self, me, blocking, timeout)


def _rlock_enter(self: RLock) -> bool:
    return _rlock_acquire_stressed(self)


def _rlock_release_stressed(self: RLock) -> None:
    if stressed.run is None or not self.real._is_owned():
        _rlock_release(self)
        return
    if self.real._recursion_count() > 1:
        self.real.release()
        return
    try:
        me = _mine()
        if me is not None:
            me.reach("release")
    finally:
        _give_back(self)


def _release_save_stressed(self: RLock) -> Any:
    me = _mine()
    if me is not None and self.owner is not None and self.real._is_owned():
        self.owner.held.pop(self, None)
        self.owner = None
        return self.real._release_save()
    return _release_save(self)


def _acquire_restore_stressed(self: RLock, state: Any) -> None:
    me = _mine()
    if me is None:
        _acquire_restore(self, state)
        return
    _obtain(self, me, True, -1)
    for _ in range(state[0] - 1):
        self.real.acquire()


# --- queues


def _put_stressed(self: SimpleQueue, item: Any, block: bool = True, timeout: float | None = None) -> None:
    me = _mine()
    if me is None:
        _put(self, item, block, timeout)
        return
    me.reach("put")
    self.real.put(item)


def _get_stressed(self: SimpleQueue, block: bool = True, timeout: float | None = None) -> Any:
    me = _mine()
    if me is None or (timeout is not None and not 0 <= timeout <= TIMEOUT_MAX):
        return _get(self, block, timeout)
    me.reach("get" if block else "try-get")
    got: list[Any] = []

    def attempt(seconds: float) -> bool:
        try:
            got.append(self.real.get(seconds > 0, seconds or None))
        except Empty:
            return False
        return True

    if not attempt(0) and not (block and me.wait(self, attempt, timeout)):
        raise Empty
    return got.pop()


def _get_nowait_stressed(self: SimpleQueue) -> Any:
    return _get_stressed(self, False)


# --- threads


def _start_stressed(self: threading.Thread) -> None:
    me = _mine()
    run = stressed.run
    if me is None or run is None or not self._initialized or self._started.is_set():  # type: ignore[attr-defined]
        controlled.start(self)
        return

    def begin(child: StressThread) -> None:
        # The bootstrap code of `threading` calls run(), which is shadowed once.
        attributes = vars(self)
        shadowed = attributes.get("run")

        def shadow() -> None:
            if shadowed is None:
                attributes.pop("run", None)
            else:
                attributes["run"] = shadowed
            child.run.live(child, self.run)

        attributes["run"] = shadow
        try:
            real.thread_start(self)
        except BaseException:
            attributes.pop("run", None)
            raise

    target = getattr(self, "_target", None)
    function = controlled.function_name(target) if target is not None else f"{type(self).__qualname__}.run"
    run.spawn(me, self, function, begin)


def _join_stressed(self: threading.Thread, timeout: float | None = None) -> None:
    me = _mine()
    if me is None or not getattr(self, "_initialized", False) or not self._started.is_set():  # type: ignore[attr-defined]
        _join(self, timeout)
        return
    if self is threading.current_thread():
        real.thread_join(self, timeout)  # raises what it raises
    me.reach("join")

    def attempt(seconds: float) -> bool:
        real.thread_join(self, seconds)
        return not self.is_alive()

    if not attempt(0):
        me.wait(self, attempt, None if timeout is None else max(timeout, 0))


_METHODS: Final[tuple[tuple[Any, str, object], ...]] = (
    (Lock, "acquire", _lock_acquire_stressed),
    (Lock, "acquire_lock", _lock_acquire_stressed),
    (Lock, "__enter__", _lock_enter),
    (Lock, "release", _lock_release_stressed),
    (Lock, "release_lock", _lock_release_stressed),
    (RLock, "acquire", _rlock_acquire_stressed),
    (RLock, "__enter__", _rlock_enter),
    (RLock, "release", _rlock_release_stressed),
    (RLock, "_release_save", _release_save_stressed),
    (RLock, "_acquire_restore", _acquire_restore_stressed),
    (SimpleQueue, "put", _put_stressed),
    (SimpleQueue, "put_nowait", _put_stressed),
    (SimpleQueue, "get", _get_stressed),
    (SimpleQueue, "get_nowait", _get_nowait_stressed),
    (threading.Thread, "start", _start_stressed),
    (threading.Thread, "join", _join_stressed),
)


def put_in_place() -> None:
    """Makes the stand-ins do this."""
    for owner, name, method in _METHODS:
        _patches.put(owner, name, method)


def take_away() -> None:
    """Makes the stand-ins do what they did before. Harmless when called twice."""
    _patches.undo()
