"""The watched process's side of the sentinel: starts it, tells it the deadline, reads what it found."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import real
from pytest_racecheck.stacks import sentinel
from pytest_racecheck.stacks.sentinel import (
    BEAT,
    DEADLINE,
    DUMPED,
    FIRED,
    INTERRUPTED,
    KNOWN,
    LENGTH,
    MAX_KNOWN,
    PAGE,
    QUIT,
    RELEASE,
    SIGNALS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

#: `prctl` option by which a process allows another one, and what that one starts, to look into it (Linux, Yama).
_PR_SET_PTRACER: Final = 0x59616D61
#: At least as many bytes as a pthread_mutex_t has.
_MUTEX_SIZE: Final = 128

_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")

#: Real seconds after a deadline at which a sentinel that did not strike is taken for dead, and after which it is not
#: waited for any longer.
_LATE: Final = 1.0
_TOO_LATE: Final = 60.0


class Client:
    """The sentinel of this process. Arming and disarming write one word of shared memory each.

    Where there is no sentinel (no py-spy, no shell, not Linux), ``why_not`` says why, and the words are shared with
    nobody: whoever asks keeps to the clock himself, see `is_late`.
    """

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._words: Any = [0] * (PAGE // 8)
        self._tried = False
        self._handler: Any = None
        self._pid = 0
        self.why_not = "it was not started"

    def start(self) -> None:
        """Starts the process unless that was tried before. Not to be called by a controlled thread."""
        if self._tried:
            return
        self._tried = True
        py_spy = _py_spy()
        if sys.platform != "linux":
            self.why_not = f"py-spy wants to be root on {sys.platform}"
        elif py_spy is None:
            self.why_not = "the program py-spy is not installed"
        else:
            try:
                self._start(py_spy)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                self.why_not = f"no process could be started: {error}"
                self.forget()

    def _start(self, py_spy: str) -> None:
        import mmap

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - shared for as long as the sentinel lives
        fd = self._file.fileno()
        os.ftruncate(fd, PAGE)
        self._words = memoryview(mmap.mmap(fd, PAGE)).cast("Q")
        # By way of a shell that ends at once: no child of this process, whom a test's os.wait() could meet, and
        # deaf to Ctrl-C, as all that a shell starts in the background.
        script = '"$@" </dev/null >/dev/null 2>&1 & echo $!'
        arguments = [sys.executable, "-I", "-S", sentinel.__file__, str(fd), str(os.getpid()), py_spy]
        shell = ["/bin/sh", "-c", script, "racecheck", *arguments]
        done = subprocess.run(shell, pass_fds=(fd,), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        self._pid = int(done.stdout)
        self._allow(self._pid)
        self._handle_release()

    def _handle_release(self) -> None:
        """A thread that keeps the GIL in machine code, and gets the signal, never goes on: others have the GIL then.

        A handler of Python's would run when that code has returned; this one runs inside of it.
        """
        import ctypes

        libc = ctypes.CDLL(None)
        if self._handler is None and RELEASE > 0:
            # No signal and no exception ends this wait, as they would end one in Python.
            mutex = ctypes.create_string_buffer(_MUTEX_SIZE)  # all zero: a plain mutex
            libc.pthread_mutex_lock(mutex)

            def never_return(_number: int) -> None:
                libc.pthread_mutex_lock(mutex)

            self._handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(never_return)
            libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
            libc.signal(RELEASE, ctypes.cast(self._handler, ctypes.c_void_p))

    def beat(self) -> None:
        """The calling thread, which waits for nothing else, has the GIL."""
        self._words[BEAT] = real.monotonic_ns()

    def hear(self, pipe: int | None) -> None:
        """Where a Ctrl-C shows itself although nobody can have the GIL; None: nowhere."""
        self._words[SIGNALS] = 0 if pipe is None else pipe + 1
        self._words[INTERRUPTED] = 0

    def is_interrupted(self) -> bool:
        """Whether a Ctrl-C has come, of which the pipe does not tell any longer. Said once."""
        heard, self._words[INTERRUPTED] = bool(self._words[INTERRUPTED]), 0
        return heard

    def _allow(self, pid: int) -> None:
        """Lets the sentinel look into this process where only ancestors may (Yama's scope 1), and into its forks."""
        try:
            restricted = _YAMA.read_text().strip() == "1"
        except OSError:
            return
        if restricted:
            import ctypes

            def allow() -> None:
                ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(pid), 0, 0, 0)

            allow()
            os.register_at_fork(after_in_child=allow)

    def forget(self) -> None:
        """This process has no sentinel (any longer): a fork of the one that has must not write into its page."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._words = [0] * (PAGE // 8)

    def stop(self) -> None:
        """Ends the process; a later `start` starts another one."""
        self._words[QUIT] = 1
        self.forget()
        self._tried = False

    def arm(self, deadline: int) -> None:
        """The deadline, in nanoseconds of the monotonic clock; each one has to be another."""
        self._words[DEADLINE] = deadline

    def disarm(self) -> None:
        """There is no deadline."""
        self._words[DEADLINE] = 0

    @property
    def is_running(self) -> bool:
        """Whether there is a sentinel, as far as is known."""
        return self._file is not None

    def has_struck(self, deadline: int) -> bool:
        """Whether the sentinel began to act on the deadline."""
        return bool(self._words[FIRED] == deadline)

    def found(self, deadline: int) -> dict[str, Any] | None:
        """What the sentinel found at the deadline; None while it is not that far, {} if that will never be."""
        if self._words[DUMPED] == deadline and self._file is not None:
            with contextlib.suppress(ValueError, OSError):
                return dict(json.loads(os.pread(self._file.fileno(), self._words[LENGTH], PAGE)))
            return {}
        late = (real.monotonic_ns() - deadline) / 1e9
        if self._file is None or late > _TOO_LATE:
            return {}
        if late > _LATE and not self.has_struck(deadline) and sentinel.is_zombie(self._pid):
            self.why_not = "it has ended"
            self.forget()
            return {}
        return None

    def know(self, processes: Iterable[int]) -> None:
        """The processes that are none of the test's."""
        known = list(processes)[:MAX_KNOWN]
        for n, pid in enumerate(known):
            self._words[KNOWN + 1 + n] = pid
        self._words[KNOWN] = len(known)


def _py_spy() -> str | None:
    """The program, which pip puts beside the interpreter."""
    import shutil

    return shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")


SENTINEL: Final = Client()
