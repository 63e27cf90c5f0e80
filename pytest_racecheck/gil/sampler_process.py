"""The sampler: a process of its own that looks at what the threads of another one do, some 400 times a second.

Run as a script, with nothing but the standard library. Arguments: process number, system call numbers of futex and of
sleeping (each separated by commas), first and last address of the interpreter's own memory. Reads commands from
standard input, one a line: "begin", and "end", to which it answers with one line of JSON: samples by thread number as
[running, waiting for the GIL, in another lock, asleep, in any other call]. Ends with its input.
"""

import json
import os
import select
import sys

PERIOD = 0.0025
#: With many threads, the list of them is read less often.
MANY = 16


def main() -> None:
    """Obeys until the input ends."""
    pid, futex, sleep, first, last = sys.argv[1:]
    sampler = Sampler(pid, futex.encode().split(b","), sleep.encode().split(b","), int(first, 16), int(last, 16))
    sampler.look()
    counted = bool(sampler.counts)
    answer("ready" if counted else sampler.obstacle)
    sampling = False
    commands = b""
    while counted:
        if select.select([0], [], [], PERIOD if sampling else None)[0]:
            received = os.read(0, 4096)
            if not received:
                return
            *lines, commands = (commands + received).split(b"\n")
            for line in lines:
                sampling = line == b"begin"
                if sampling:
                    sampler.counts.clear()
                    answer(1)
                else:
                    answer(sampler.counts)
        elif sampling:
            sampler.look()


def answer(value: object) -> None:
    """One line of JSON."""
    os.write(1, json.dumps(value).encode() + b"\n")


class Sampler:
    """Counts what it sees."""

    def __init__(self, pid: str, futex: list[bytes], sleep: list[bytes], first: int, last: int) -> None:
        self.counts: dict[str, list[int]] = {}
        self.obstacle = "no thread was seen"
        self._folder = f"/proc/{pid}/task"
        self._futex, self._sleep, self._first, self._last = futex, sleep, first, last
        self._files: dict[str, int] = {}
        self._tids: list[str] = []
        self._turn = 0

    def look(self) -> None:
        """Looks at each thread once."""
        self._turn += 1
        if len(self._tids) <= MANY or self._turn % 4 == 0:
            self._list()
        for tid in self._tids:
            try:
                file = self._files.get(tid)
                if file is None:
                    file = self._files[tid] = os.open(f"{self._folder}/{tid}/syscall", os.O_RDONLY)
                text = os.pread(file, 64, 0)
            except OSError as error:
                self.obstacle = f"{self._folder}/{tid}/syscall: {error.strerror}"
                continue
            self.counts.setdefault(tid, [0] * 5)[self._state(text)] += 1

    def _list(self) -> None:
        try:
            self._tids = os.listdir(self._folder)  # noqa: PTH208 - 400 times a second
        except OSError:
            self._tids = []
        for gone in self._files.keys() - set(self._tids):
            os.close(self._files.pop(gone))

    def _state(self, text: bytes) -> int:
        number, _, rest = text.partition(b" ")
        if number in self._futex:
            address = int(rest.split(b" ", 1)[0], 16)
            return 1 if self._first <= address < self._last else 2
        if number in self._sleep:
            return 3
        return 0 if number.startswith(b"running") else 4


if __name__ == "__main__":
    main()
