"""Threads: intercepted where they start and where others wait for their end; the class itself stays as it is."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_racecheck.engine import current, real, stressed
from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.primitives.lock import nanoseconds

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread


def function_name(function: object) -> str:
    """How reports name what a thread runs."""
    while issubclass(type(function), functools.partial):
        function = function.func  # type: ignore[attr-defined]
    try:
        name = getattr(function, "__qualname__", None)
    except Exception:  # noqa: BLE001 - it stands for an object that isn't there
        name = None
    return name or type(function).__qualname__


class Started:
    """In place of the event by which `Thread.start` waits until the new thread runs.

    A controlled thread only parks at first, so its parent need not wait for that, and saves two switches.
    """

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False

    def is_set(self) -> bool:
        """Whether the new thread has begun."""
        return self._flag

    def set(self) -> None:
        """The new thread begins."""
        self._flag = True

    def wait(self, timeout: float | None = None) -> bool:
        """The parent would wait here. From now on the thread counts as started."""
        self._flag = True
        return True

    def _at_fork_reinit(self) -> None:
        """Holds no lock that could be in the wrong state."""


def hashed(self: threading.Thread) -> int:
    """`Thread.__hash__`, which is the address otherwise: sets of threads keep an order that the schedule determines.

    `ThreadPoolExecutor` joins its threads in the order of a set.
    """
    attributes = self.__dict__
    number: int | None = attributes.get("_racecheck_hash")
    if number is None:
        me = current.thread
        if me is None or me.ident != real.get_ident():
            number = object.__hash__(self)
        else:
            me.scheduler.hashed += 1
            number = me.scheduler.hashed
        attributes["_racecheck_hash"] = number
    return number


def start_bootstrap(function: Callable[..., object], args: tuple[Any, ...]) -> int:
    """What `Thread.start` calls up to 3.12: the identifier is known to the parent before the new thread runs."""
    ident = real.start_new_thread(function, args)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, threading.Thread):
        vars(owner)["_ident"] = ident
    return ident


@functools.wraps(real.thread_start)
def start(self: threading.Thread) -> None:  # noqa: D103 - documented by the original
    if current.strays:
        current.come_back()
    me = current.thread
    if me is None or me.ident != real.get_ident() or me.quiet or not self._initialized:  # type: ignore[attr-defined]
        real.thread_start(self)
        return
    me.scheduler.point(me, "start", self)
    if self._started._flag:  # type: ignore[attr-defined]
        real.thread_start(self)  # others were faster: an error
        return

    def begin(child: ControlledThread) -> None:
        # The bootstrap code of `threading` runs uncontrolled, up to the call of run(): that one is shadowed once.
        attributes = vars(self)
        shadowed = attributes.get("run")
        carrier = child.scheduler.carriers.take()

        def run() -> None:
            if shadowed is None:
                attributes.pop("run", None)
            else:
                attributes["run"] = shadowed
            child.scheduler.live(child, self.run)

        attributes["run"] = run
        before = attributes["_started"]
        attributes["_started"] = started = Started()
        if carrier is not None:
            carrier.load(self, child)
            started.set()
            return
        try:
            real.thread_start(self)
        except BaseException:
            attributes["_started"] = before
            attributes.pop("run", None)
            raise
        if self._ident is None:  # type: ignore[attr-defined]
            attributes["_ident"] = self._handle.ident  # type: ignore[attr-defined]

    target = getattr(self, "_target", None)
    function = function_name(target) if target is not None else f"{type(self).__qualname__}.run"
    me.scheduler.spawn(me, self, function, begin)


class Threads:
    """`_thread.start_new_thread` for those who call it themselves; a bound method, as the original is no descriptor."""

    def start_new_thread(
        self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, /
    ) -> int:
        """Starts a thread that calls ``function``. Returns its identifier."""
        me = current.thread
        if me is None or me.ident != real.get_ident() or me.quiet or not _is_call(function, args, kwargs):
            if stressed.run is not None and _is_call(function, args, kwargs):
                return stressed.run.start_new_thread(function, args, kwargs or {})
            return real.start_new_thread(function, args, *(() if kwargs is None else (kwargs,)))

        def begin(child: ControlledThread) -> int:
            def body() -> None:
                child.scheduler.live(child, lambda: function(*args, **(kwargs or {})))

            return real.start_new_thread(body, ())

        me.scheduler.point(me, "start", None)
        return int(me.scheduler.spawn(me, None, function_name(function), begin))


def _is_call(function: object, args: object, kwargs: object) -> bool:
    """Whether the original takes these arguments; if not, it says so best itself."""
    return callable(function) and isinstance(args, tuple) and isinstance(kwargs, dict | None)


THREADS = Threads()


def _target(thread: threading.Thread) -> tuple[ControlledThread | None, ControlledThread | None]:
    """The running controlled thread and the one that ``thread`` is, None for either that is not controlled."""
    me = current.thread
    if me is None or me.ident != real.get_ident() or me.quiet:
        return _target(thread) if current.strays and current.come_back() else (None, None)
    return me, me.scheduler.by_thread.get(id(thread))


@functools.wraps(real.thread_join)
def join(self: threading.Thread, timeout: float | None = None) -> None:  # noqa: D103
    me, target = _target(self)
    if me is not None and target is None and self._initialized and not self._started._flag:  # type: ignore[attr-defined]
        # An error, unless another thread starts it before this one goes on.
        me.scheduler.point(me, "read", self)
        me, target = _target(self)
    if me is None or target is me:
        real.thread_join(self, timeout)
    elif target is None or target in me.scheduler.lost:
        # Nobody else may go on before this is decided, and start that thread under control.
        me.quiet += 1
        try:
            blocks = _real_is_alive(self) and self is not threading.current_thread()
            if not blocks:
                real.thread_join(self, timeout)
        finally:
            me.quiet -= 1
        if blocks:
            with me.scheduler.external.blocking(me, "join of a thread that is not controlled"):
                real.thread_join(self, timeout)
    else:
        limit = None if timeout is None else max(0, nanoseconds(max(timeout, 0)) or 0)
        if me.scheduler.join(me, target, limit):
            me.scheduler.reap()


@functools.wraps(threading.Thread.is_alive)
def is_alive(self: threading.Thread) -> bool:  # noqa: D103
    me, target = _target(self)
    if me is None or target is me:
        return _real_is_alive(self)
    # A thread that is not started yet may be by the time that this one goes on.
    me.scheduler.point(me, "read", target or self)
    target = me.scheduler.by_thread.get(id(self))
    alive = _real_is_alive(self) if target is None else not target.ended
    me.state_hash = hash((me.state_hash, alive, 0 if target is None else target.index))
    me.scheduler.looked(me, POLL)
    return alive


_real_is_alive = threading.Thread.is_alive
