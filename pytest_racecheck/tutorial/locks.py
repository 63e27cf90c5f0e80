"""Two locks that two threads take in opposite orders: for good, and with a limit to their patience."""

from __future__ import annotations

import threading
from typing import Final

#: How long a thread of `TimeoutPair` waits for its second lock, in seconds.
PATIENCE: Final = 2.0


class DeadlockPair:
    """Two functions that need both locks. Each can end up with one of them, waiting for the other for ever."""

    def __init__(self) -> None:
        self.lock_a = threading.Lock()
        self.lock_b = threading.Lock()

    def a_then_b(self) -> None:
        """Take ``lock_a``, then ``lock_b``."""
        with self.lock_a:
            print("a_then_b: acquired lock_a")
            with self.lock_b:
                print("a_then_b: acquired lock_b")

    def b_then_a(self) -> None:
        """Take ``lock_b``, then ``lock_a``."""
        with self.lock_b:
            print("b_then_a: acquired lock_b")
            with self.lock_a:
                print("b_then_a: acquired lock_a")


class TimeoutPair:
    """The same two functions; who can't get the second lock in time backs off and gives the first one back."""

    def __init__(self) -> None:
        self.lock_a = threading.Lock()
        self.lock_b = threading.Lock()

    def a_then_b(self) -> bool:
        """Take ``lock_a``, then ``lock_b``; returns whether it got both."""
        with self.lock_a:
            print("a_then_b: acquired lock_a")
            if not self.lock_b.acquire(timeout=PATIENCE):
                print("a_then_b: backing off")
                return False
            print("a_then_b: acquired lock_b")
            self.lock_b.release()
            return True

    def b_then_a(self) -> bool:
        """Take ``lock_b``, then ``lock_a``; returns whether it got both."""
        with self.lock_b:
            print("b_then_a: acquired lock_b")
            if not self.lock_a.acquire(timeout=PATIENCE):
                print("b_then_a: backing off")
                return False
            print("b_then_a: acquired lock_a")
            self.lock_a.release()
            return True
