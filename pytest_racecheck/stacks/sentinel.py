"""The sentinel: a process of its own that minds the clock, so that it strikes even when C code keeps the GIL.

It shares one page of memory with the process that it watches. That one writes the deadline there, a single word; the
sentinel writes how far it is. At the deadline it has py-spy dump the threads of that process, and those of the Python
processes below it; from then on, until the deadline is taken back, it wakes the main thread up by a signal again and
again. What the signal does is up to its handler there.

Time that the machine keeps from the watched process does not count: it is stopped or suspended, or waits for a disk.

Runs as a script, under ``python -I -S``: imports nothing but the standard library, and little of that.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

#: The words of the shared page, 64 bits each. Times are nanoseconds of the monotonic clock, 0 stands for none.
DEADLINE: Final = 0  # written by the watched process
FIRED: Final = 1  # the last deadline that struck
DUMPED: Final = 2  # the last deadline whose dump is complete
LENGTH: Final = 3  # of that dump, in bytes; it follows the page
QUIT: Final = 4  # written by the watched process: not 0 when the sentinel is to end
BEAT: Final = 5  # when a thread of the watched process last had the GIL for a moment, only to say so
SIGNALS: Final = 6  # written by the watched process: where it hears of signals, one more than a file descriptor
INTERRUPTED: Final = 7  # not 0 when a Ctrl-C was among what was there to be heard, while nobody had the GIL to do so
KNOWN: Final = 8  # how many processes were there before the test; their ids follow
MAX_KNOWN: Final = 500
PAGE: Final = 4096

#: The signal: ignored by default, and used by hardly anybody (Go's runtime chose it for the same reasons).
SIGNAL: Final = getattr(signal, "SIGURG", None)

#: The signal for a thread that keeps the GIL and does not return from machine code. Its handler, in C, lets go of it.
RELEASE: Final = getattr(signal, "SIGRTMAX", 0) - 2

#: Real seconds after the deadline, and since the GIL was last to be had, after which that signal is sent.
STUCK_SECONDS: Final = 10.0

#: The same after a Ctrl-C, if the thread is not the main one: that one is needed to end the session in good order.
INTERRUPTED_SECONDS: Final = 3.0

#: Real seconds between two looks at the page, from the dump to the first signal, and from one signal to the next.
INTERVAL: Final = 0.1
FIRST_SIGNAL: Final = 0.25
NEXT_SIGNAL: Final = 0.5

#: Real seconds between two looks at the page that mean that everything stood still, not this process alone; those for
#: which nobody asks what a process does; and those that it gets on top of its time at the most.
STANDSTILL: Final = 1.0
NO_TIME: Final = 1.0
MOST_KEPT: Final = 50.0

#: Real seconds that py-spy gets for one process, and the number of processes that are looked at.
DUMP_SECONDS: Final = 10.0
MAX_PROCESSES: Final = 20

#: How py-spy is called, from the most to the least that it tells. `--native` has to stop the process.
#: A process that was just about to map memory needs a second look.
LADDER: Final = (("--native",), ("--native",), (), ("--nonblocking",))

#: Processes of the standard library that serve the whole session, told by their command.
_HELPERS: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def dump(py_spy: str, pid: int) -> dict[str, Any]:
    """The threads of one process: ``threads`` as py-spy tells them, ``method`` the rung of the ladder that worked.

    ``errors``: why the rungs above it failed; without ``method``, all of them did.
    """
    errors: list[str] = []
    late: tuple[str, ...] | None = None
    for options in LADDER:
        if options == late:
            continue
        name = " ".join(("py-spy dump", *options))
        try:
            done = subprocess.run(
                [py_spy, "dump", "--json", "--pid", str(pid), *options],
                capture_output=True,
                timeout=DUMP_SECONDS,
                check=False,
            )
            if done.returncode == 0:
                return {"threads": json.loads(done.stdout), "method": name, "errors": errors}
            reason = _reason(done.stderr.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            reason = f"took more than {DUMP_SECONDS:g} s"
            late = options
            # It was killed in the midst of it, and may have left the process stopped.
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)
        except (OSError, ValueError) as error:
            reason = str(error)
        if f"{name}: {reason}" not in errors:
            errors.append(f"{name}: {reason}")
    return {"threads": [], "method": "", "errors": errors}


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line.partition("Reason: ")[2] for line in lines if line.startswith("Reason: ")]
    return (told or [line.removeprefix("Error: ") for line in lines] or ["no reason given"])[0]


# ---------------------------------------------------------------------- processes


def children(pid: int) -> Iterator[int]:
    """The processes that a process has started, as far as the system tells; zombies are none."""
    tasks = Path(f"/proc/{pid}/task")
    with contextlib.suppress(OSError):
        for task in list(tasks.iterdir()):
            with contextlib.suppress(OSError):
                yield from (int(each) for each in (task / "children").read_text().split() if not is_zombie(int(each)))


def descendants(pid: int, known: frozenset[int] = frozenset()) -> Iterator[int]:
    """The processes below one, without those of ``known`` and what is below them; outermost first."""
    for child in children(pid):
        if child not in known:
            if not is_helper(child):
                yield child
            yield from descendants(child, known)


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, and only waits to be asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return True


def began(pid: int) -> str:
    """When a process began, which tells it from another one with the same number; "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def is_kept(pid: int) -> bool:
    """Whether a process is stopped, or a thread of it waits for a disk: the machine's doing, not the program's."""
    with contextlib.suppress(OSError):
        for task in list(Path(f"/proc/{pid}/task").iterdir()):
            with contextlib.suppress(OSError, IndexError):
                if (task / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "DT":
                    return True
    return False


def is_helper(pid: int) -> bool:
    """Whether a process serves the whole session: multiprocessing's tracker of resources, its server of forks."""
    line = command(pid)
    # What that server forks has the same command; the test started it, though.
    return any(name in line and name not in command(_parent(pid)) for name in _HELPERS)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def command(pid: int) -> str:
    """The command line of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def is_python(pid: int) -> bool:
    """Whether a process runs a Python interpreter, by the name of its program."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith(("python", "pypy"))
    except OSError:
        return False


# ---------------------------------------------------------------------- the process


class Sentinel:
    """The process that watches ``pid`` through the shared file ``fd``."""

    def __init__(self, fd: int, pid: int, py_spy: str) -> None:
        self._fd = fd
        self._pid = pid
        self._py_spy = py_spy
        self._words = memoryview(mmap.mmap(fd, PAGE)).cast("Q")
        self._next_signal = 0.0
        self._released = 0
        #: The deadline that is known, since when, and how much it is put off.
        self._deadline = self._since = self._put_off = 0
        self._looked = time.monotonic_ns()

    def watch(self) -> None:
        """Until the watched process ends, or has no use for it any longer."""
        words = self._words
        while not words[QUIT] and self._is_alive():
            deadline = words[DEADLINE]
            self._look(deadline)
            if deadline and self._is_interrupted():
                self._release_gil(deadline, INTERRUPTED_SECONDS)
            rest = INTERVAL if not deadline else (deadline + self._put_off - time.monotonic_ns()) / 1e9
            if rest > 0:
                time.sleep(min(rest, INTERVAL))
            elif words[FIRED] != deadline:
                self._strike(deadline)
            else:
                self._wake_up()
                self._release_gil(deadline, STUCK_SECONDS)
                time.sleep(INTERVAL)

    def _look(self, deadline: int) -> None:
        """Puts the deadline off by the time since the last look, if that was kept from the watched process."""
        now = time.monotonic_ns()
        passed, self._looked = now - self._looked, now
        if deadline != self._deadline:
            self._deadline, self._since, self._put_off = deadline, now, 0
        elif deadline and self._words[FIRED] != deadline and self._put_off < MOST_KEPT * 1e9:
            asks = now - self._since > NO_TIME * 1e9
            if passed > STANDSTILL * 1e9 or (asks and is_kept(self._pid)):
                self._put_off += passed

    def _is_alive(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except OSError:
            return False
        return True

    def _strike(self, deadline: int) -> None:
        words = self._words
        words[FIRED] = deadline
        found: dict[str, Any] = {}
        if words[DEADLINE] == deadline:  # else it was taken back at the very last moment
            with contextlib.suppress(Exception):
                found = self._dump_all()
        data = json.dumps(found).encode()
        os.pwrite(self._fd, data, PAGE)
        words[LENGTH] = len(data)
        words[DUMPED] = deadline
        self._next_signal = time.monotonic() + FIRST_SIGNAL

    def _dump_all(self) -> dict[str, Any]:
        words = self._words
        known = frozenset(words[KNOWN + 1 : KNOWN + 1 + min(words[KNOWN], MAX_KNOWN)])
        found = dump(self._py_spy, self._pid)
        found["processes"] = []
        for child in list(descendants(self._pid, known))[:MAX_PROCESSES]:
            details = dump(self._py_spy, child) if is_python(child) else {"threads": [], "method": "", "errors": []}
            found["processes"].append({"pid": child, "command": command(child), **details})
        return found

    def _is_interrupted(self) -> bool:
        """Whether a Ctrl-C has come and nobody has had the GIL since."""
        words = self._words
        if time.monotonic_ns() - max(words[BEAT], self._since) < INTERRUPTED_SECONDS * 1e9:
            return False
        if words[SIGNALS] and not words[INTERRUPTED]:
            with contextlib.suppress(OSError):
                pipe = os.open(f"/proc/{self._pid}/fd/{words[SIGNALS] - 1}", os.O_RDONLY | os.O_NONBLOCK)
                try:
                    words[INTERRUPTED] = signal.SIGINT in os.read(pipe, PAGE)
                finally:
                    os.close(pipe)
        return bool(words[INTERRUPTED])

    def _release_gil(self, deadline: int, seconds: float) -> None:
        """Nothing of the watched process can act, since a thread keeps the GIL: has that one let go of it."""
        now, struck, beat = time.monotonic_ns(), deadline if self._words[FIRED] == deadline else 0, self._words[BEAT]
        if RELEASE <= 0 or now - max(struck, beat, self._released) < seconds * 1e9:
            return
        is_first, self._released = self._released < deadline, now
        owners: list[int] = []
        if is_first:
            owners = [each["os_thread_id"] for each in dump(self._py_spy, self._pid)["threads"] if each["owns_gil"]]
        # py-spy does not always know, and may be wrong; most likely it is the main thread then.
        owner = owners[0] if owners else self._pid
        if owner == self._pid and now - max(struck, beat) < STUCK_SECONDS * 1e9:
            return
        if self._words[DEADLINE] == deadline:
            import ctypes

            with contextlib.suppress(OSError, AttributeError):
                ctypes.CDLL(None).tgkill(self._pid, owner, RELEASE)

    def _wake_up(self) -> None:
        if SIGNAL is not None and time.monotonic() >= self._next_signal:
            self._next_signal = time.monotonic() + NEXT_SIGNAL
            with contextlib.suppress(OSError):
                os.kill(self._pid, SIGNAL)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # the watched process may keep itself to one processor
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
    Sentinel(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).watch()
