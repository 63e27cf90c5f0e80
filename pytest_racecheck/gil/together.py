"""The threads of ``gil.compare``: one function, so many times at once."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable


class InThreads:
    """A subject that calls ``function`` in ``threads`` threads at once, with the same arguments."""

    def __init__(self, function: Callable[..., object], threads: int, args: tuple[object, ...]) -> None:
        self._function = function
        self._threads = threads
        self._args = args

    def call(self) -> None:
        """Start them all, wait for all; raise the first exception that one of them raised."""
        raised: list[BaseException] = []

        @functools.wraps(self._function)
        def run() -> None:
            try:
                self._function(*self._args)
            except BaseException as error:  # noqa: BLE001 - it is raised again, where the caller sees it
                raised.append(error)

        threads = [threading.Thread(target=run) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if raised:
            try:
                raise raised[0]
            finally:
                raised.clear()  # else the exception would hold a frame that holds the exception

    def renew(self) -> None:
        """Nothing belongs to one call."""
