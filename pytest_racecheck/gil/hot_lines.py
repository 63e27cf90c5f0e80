"""The lines that held the GIL: py-spy looks on from outside, without stopping anyone, while the test runs once more."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_racecheck.detect.stacks import library_name
from pytest_racecheck.engine import real
from pytest_racecheck.engine.watchdog import WATCHDOG
from pytest_racecheck.gil.model import HotLine
from pytest_racecheck.gil.sampler import allow_tracing

if TYPE_CHECKING:
    from pytest_racecheck.gil.measure import Subject
    from pytest_racecheck.gil.model import Measurement

#: A thousand looks a second would cost a fifth of the time and more.
_RATE: Final = 200
_TOP: Final = 5
#: Runs are repeated until so many seconds are seen, if they are short.
_ENOUGH: Final = 0.5
_MOST_RUNS: Final = 10
#: Seconds for py-spy to start, or to write what it has.
_PATIENCE: Final = 10
_FRAME: Final = re.compile(r"(?P<function>.*) \((?P<file>.*):(?P<line>\d+)\)")
_OURS: Final = str(Path(__file__).absolute().parent.parent) + os.sep
_TUTORIAL: Final = _OURS + "tutorial" + os.sep


def add(subject: Subject, m: Measurement) -> None:
    """Run ``subject`` under py-spy, and add the lines that held the GIL, or the reason why they are not known."""
    if m.free_threaded:
        m.hot_lines_reason = "there is no GIL in this process"
        return
    if not sys.platform.startswith(("linux", "darwin")):
        m.hot_lines_reason = f"on {sys.platform} py-spy can't be told to stop"
        return
    program = shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")
    if program is None:
        m.hot_lines_reason = "the program py-spy is not installed"
        return
    if sys.platform == "darwin" and os.geteuid() != 0:
        m.hot_lines_reason = "py-spy wants to be root on macOS"
        return
    if not m.threads or not m.threaded:
        m.hot_lines_reason = "no threads were at work"
        return
    with tempfile.TemporaryDirectory(prefix="racecheck-gil-") as folder:
        output = Path(folder) / "lines"
        m.hot_lines_reason = _record(program, output, subject)
        if not m.hot_lines_reason:
            m.hot_lines = parse(output.read_text(encoding="utf-8", errors="replace"))
            m.hot_lines_reason = "" if m.hot_lines else "the GIL was never seen held by the test's own lines"


def parse(text: str) -> list[HotLine]:
    """The top lines of py-spy's raw format: "frame;frame;frame count" a line, outermost frame first.

    Each sample counts for the innermost frame that is neither the standard library's nor ours.
    """
    samples: Counter[tuple[str, int, str]] = Counter()
    for stack, count in (line.rsplit(" ", 1) for line in text.splitlines() if " " in line):
        frames = [match for frame in reversed(stack.split(";")) if (match := _FRAME.fullmatch(frame))]
        own = next((each for each in frames if _is_own(each["file"])), None)
        if own is not None and count.isdigit():
            samples[own["file"], int(own["line"]), own["function"]] += int(count)
    total = samples.total()
    return [HotLine(file, line, function, n / total) for (file, line, function), n in samples.most_common(_TOP)]


def _is_own(file: str) -> bool:
    if library_name(file) is not None or (file.startswith(_OURS) and not file.startswith(_TUTORIAL)):
        return False
    return not re.search(r"[/\\](_pytest|pluggy)[/\\]", file)


def _record(program: str, output: Path, subject: Subject) -> str:
    """Why there is no output; empty when there is."""
    command = [program, "record", "--pid", str(os.getpid()), "--gil", "--nonblocking", "--threads", "--full-filenames"]
    command += ["--rate", str(_RATE), "--format", "raw", "--output", str(output)]
    allow_tracing()
    with _running(command) as process:
        said = process.stdout.readline() if process.stdout is not None else b""
        if b"Sampling" not in said:
            _, errors = process.communicate(timeout=_PATIENCE)
            reason = errors.decode(errors="replace").strip().splitlines()
            return f"py-spy can't look: {(reason or ['it says nothing'])[0]}"
        until = real.monotonic() + _ENOUGH
        for _ in range(_MOST_RUNS):
            WATCHDOG.rearm()
            subject.renew()
            subject.call()
            if real.monotonic() > until:
                break
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            return "py-spy did not end"
    return "" if output.exists() else "py-spy wrote nothing"


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
