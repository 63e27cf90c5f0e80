"""The stand-ins for the methods of `socket.socket` that may block.

They are put into the class itself, which inherits most of these methods from a type written in C.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine.operation import POLL
from pytest_racecheck.primitives.channels import READABLE, WRITABLE, acted, acting, controlled, limit, touch, wait

if TYPE_CHECKING:
    from pytest_racecheck.engine.thread import ControlledThread

Method = Callable[..., Any]

_PLACE: Final = "a socket"
_READING: Final = ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "_accept")
_WRITING: Final = ("sendto", "sendmsg")
_TOUCHING: Final = ("connect", "connect_ex", "shutdown", "listen", "bind", "_real_close", "detach")


def stand_ins() -> Iterator[tuple[str, Method]]:
    """The name of each method with its stand-in."""
    for names, make in ((_READING, _reading), (_WRITING, _writing), (_TOUCHING, functools.partial(acting, _PLACE))):
        for name in names:
            if hasattr(socket.socket, name):
                yield name, make(getattr(socket.socket, name))
    yield "send", _sending(socket.socket.send)
    yield "sendall", _sending_all(socket.socket.send, socket.socket.sendall)


def _await(me: ControlledThread, channel: Any, events: int) -> None:
    """A scheduling point; then waits as long as the socket's own time-out allows. Raises TimeoutError after that."""
    touch(me)
    timeout = channel.gettimeout()
    descriptor = channel.fileno()
    if timeout != 0 and descriptor >= 0 and not wait(me, descriptor, events, timeout, _PLACE):
        raise TimeoutError("timed out")


def _reading(original: Method) -> Method:
    return _when_ready(original, READABLE)


def _writing(original: Method) -> Method:
    return _when_ready(original, WRITABLE)


def _when_ready(original: Method, events: int) -> Method:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        me = controlled()
        if me is None:
            return original(self, *args, **kwargs)
        _await(me, self, events)
        try:
            result = original(self, *args, **kwargs)
        except BlockingIOError:
            me.scheduler.looked(me, POLL)
            raise
        acted(me)
        return result

    return call


def _sending(original: Method) -> Method:
    @functools.wraps(original)
    def send(self: Any, data: Any, *flags: Any) -> Any:
        me = controlled()
        if me is None or not _is_blocking_stream(self):
            return original(self, data, *flags)
        return _send_all(me, self, data, flags, original)

    return send


def _sending_all(send: Method, original: Method) -> Method:
    @functools.wraps(original)
    def sendall(self: Any, data: Any, *flags: Any) -> None:
        me = controlled()
        if me is None or not _is_blocking_stream(self):
            original(self, data, *flags)
            return
        _send_all(me, self, data, flags, send)

    return sendall


def _is_blocking_stream(channel: Any) -> bool:
    return bool(channel.gettimeout() != 0 and channel.type == socket.SOCK_STREAM and channel.fileno() >= 0)


def _send_all(me: ControlledThread, channel: Any, data: Any, flags: tuple[Any, ...], send: Method) -> int:
    """Sends all of it, as a blocking socket does, yet never more at once than the socket takes without blocking."""
    touch(me)
    external = me.scheduler.external
    clock = me.scheduler.clock
    timeout = limit(channel.gettimeout())
    deadline = None if timeout is None else clock.now + timeout
    view = memoryview(data).cast("B")
    how = (flags[0] if flags else 0) | socket.MSG_DONTWAIT
    done = 0
    while True:
        rest = None if deadline is None else deadline - clock.now
        if not external.ready(me, {channel.fileno(): WRITABLE}, rest, _PLACE):
            raise TimeoutError("timed out")
        try:
            done += int(send(channel, view[done:], how))
        except BlockingIOError:
            continue
        acted(me)
        if done >= len(view):
            return done
