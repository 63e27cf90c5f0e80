"""The near end of the sampler process: start it, ask it, end it; and why it can't be had here."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

#: System calls by machine: those that wait for a futex, those that sleep.
_CALLS: Final = {"x86_64": ("202,449,455", "35,230"), "aarch64": ("98,449,455", "101,115")}

_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")
_PR_SET_PTRACER: Final = 0x59616D61


class States(NamedTuple):
    """In how many samples a thread was seen in each state."""

    running: int = 0
    gil: int = 0
    futex: int = 0
    asleep: int = 0
    other: int = 0

    def plus(self, more: States) -> States:
        """Both together."""
        return States(*(a + b for a, b in zip(self, more, strict=True)))


UNSEEN: Final = States()


class Sampler:
    """A running sampler process. RuntimeError, from `end`, when it died meanwhile."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._in = cast("IO[bytes]", process.stdin)
        self._out = cast("IO[bytes]", process.stdout)

    def begin(self) -> None:
        """Count from here on."""
        self._ask("begin")

    def end(self) -> dict[int, States]:
        """Stop counting: what was seen, by the system's number of the thread."""
        return {int(tid): States(*counts) for tid, counts in self._ask("end").items()}

    def _ask(self, command: str) -> Any:
        try:
            self._in.write(f"{command}\n".encode())
            self._in.flush()
            return json.loads(self._out.readline())
        except (OSError, ValueError) as error:
            raise RuntimeError(f"the sampler process has died ({error})") from None


@contextlib.contextmanager
def opened() -> Iterator[tuple[Sampler | None, str]]:
    """A sampler for this process, or None and the reason why there is none. Gone when the block ends, come what may."""
    obstacle = _obstacle()
    if obstacle:
        yield None, obstacle
        return
    with _started() as process:
        try:
            answer = json.loads(cast("IO[bytes]", process.stdout).readline())
        except ValueError:
            answer = "the sampler process does not start"
        if answer == "ready":
            yield Sampler(process), ""
        else:
            yield None, str(answer)


@contextlib.contextmanager
def _started() -> Iterator[subprocess.Popen[bytes]]:
    first, last = _interpreter_memory()
    futex, sleep = _CALLS[platform.machine()]
    script = str(Path(__file__).with_name("sampler_process.py"))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", script, str(os.getpid()), futex, sleep, hex(first), hex(last)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        allow_tracing()
        yield process
    finally:
        with contextlib.suppress(OSError):
            cast("IO[bytes]", process.stdin).close()
        process.kill()
        process.wait()
        cast("IO[bytes]", process.stdout).close()


def _obstacle() -> str:
    """Why no sampler can work here; empty when it may."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} does not show what system call a thread is in"
    if platform.machine() not in _CALLS:
        return f"the system calls of {platform.machine()} are not known"
    if not Path("/proc/self/syscall").exists():
        return "this kernel lacks /proc/PID/syscall"
    if not any(_interpreter_memory()):
        return "the memory of the interpreter was not found"
    return ""


def _interpreter_memory() -> tuple[int, int]:
    """First and last address of the mapping in which the interpreter keeps the GIL; zeros when it is not found."""
    try:
        import ctypes

        address = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    except (ImportError, ValueError):
        return 0, 0
    found = (0, 0)
    for line in Path("/proc/self/maps").read_text().splitlines():
        area, *rest = line.split(None, 5)
        first, last = (int(part, 16) for part in area.split("-"))
        if first <= address < last:
            found = (first, last)
        elif found[1] == first and len(rest) < 5:  # the part that the file holds nothing of
            found = (found[0], last)
    return found


def allow_tracing() -> None:
    """Where children may not look into their parent (Yama), let ours: this process and what descends from it."""
    try:
        restricted = _YAMA.read_text().strip() == "1"
    except OSError:
        return
    if restricted:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, os.getpid(), 0, 0, 0)
