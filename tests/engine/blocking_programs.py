"""Programs that wait for more than each other's locks; run by test_blocking.py.

Each has a bug in what its threads share, named ``..._bug``, and a twin that has none. A twin must pass, partly
controlled; a bug must be found, and found again in replays.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import multiprocessing
import os
import select
import socket
import sqlite3
import subprocess
import threading
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Guard = contextlib.AbstractContextManager[Any]

UNGUARDED: Guard = contextlib.nullcontext()
FORK = multiprocessing.get_context("fork")


class Counter:
    def __init__(self, guard: Guard) -> None:
        self.value = 0
        self._guard = guard

    def add(self) -> None:
        with self._guard:
            self.value += 1


def together(*functions: Callable[[], object]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def serve(guard: Guard) -> None:
    hits = Counter(guard)
    got: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.add()
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()

    def client() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}/", timeout=5) as reply:
            got.append(reply.read())

    together(client, client)
    server.shutdown()
    server.server_close()
    serving.join()
    assert got == [b"ok", b"ok"]
    assert hits.value == 2


def pipe(guard: Guard) -> None:
    reader, writer = os.pipe()
    count = Counter(guard)

    def produce() -> None:
        for _ in range(3):
            os.write(writer, b"x")
            count.add()
        os.close(writer)

    def consume() -> None:
        while os.read(reader, 1):
            count.add()
        os.close(reader)

    together(consume, produce)
    assert count.value == 6


def full_pipe(guard: Guard) -> None:
    reader, writer = os.pipe()
    size = 5 * select.PIPE_BUF + fcntl.fcntl(writer, getattr(fcntl, "F_GETPIPE_SZ", 1032))
    count = Counter(guard)

    def produce() -> None:
        assert os.write(writer, bytes(size)) == size
        count.add()
        os.close(writer)

    def consume() -> None:
        with open(reader, "rb") as file:  # noqa: PTH123 - a descriptor
            assert len(file.read(size)) == size
        count.add()

    together(produce, consume)
    assert count.value == 2


def socket_pair(guard: Guard) -> None:
    left, right = socket.socketpair()
    count = Counter(guard)

    def produce() -> None:
        for _ in range(2):
            left.sendall(b"x")
            count.add()
        left.close()

    def consume() -> None:
        with right, right.makefile("rb") as file:
            while file.read(1):
                count.add()

    together(consume, produce)
    assert count.value == 4


def children(guard: Guard) -> None:
    count = Counter(guard)

    def go() -> None:
        done = subprocess.run(["echo", "hello"], capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == "hello\n"
        count.add()

    together(go, go)
    assert count.value == 2


def dialogue(guard: Guard) -> None:
    count = Counter(guard)

    def go() -> None:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
            assert cat.stdin is not None
            assert cat.stdout is not None
            cat.stdin.write(b"a\n")
            cat.stdin.flush()
            assert cat.stdout.readline() == b"a\n"
            count.add()
        assert cat.wait() == 0

    together(go, go)
    assert count.value == 2


def database(path: Path, *, in_transaction: bool) -> None:
    setting_up = sqlite3.connect(path)
    setting_up.executescript(
        "pragma synchronous=off; drop table if exists t; create table t(n); insert into t values(0)"
    )
    setting_up.close()

    def add() -> None:
        connection = sqlite3.connect(path, timeout=20, isolation_level=None)
        connection.execute("pragma synchronous=off")
        if in_transaction:
            connection.execute("begin immediate")
        (n,) = connection.execute("select n from t").fetchone()
        connection.execute("update t set n = ?", (n + 1,))
        if in_transaction:
            connection.execute("commit")
        connection.close()

    together(add, add)
    with contextlib.closing(sqlite3.connect(path)) as looking:
        assert looking.execute("select n from t").fetchone() == (2,)


def process_queue(guard: Guard) -> None:
    queue = FORK.Queue()
    count = Counter(guard)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork in a process with threads
        child = FORK.Process(target=put_two, args=(queue,))
        child.start()

    def get() -> None:
        queue.get(timeout=20)
        count.add()

    together(get, get)
    child.join()
    queue.close()
    queue.join_thread()
    assert count.value == 2


def put_two(queue: Any) -> None:
    queue.put(1)
    queue.put(2)


class FileLock:
    def __init__(self, path: Path, function: Callable[..., None]) -> None:
        self._path = path
        self._function = function
        self._files = threading.local()

    def __enter__(self) -> None:
        self._files.file = self._path.open("w")
        self._function(self._files.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._function(self._files.file, fcntl.LOCK_UN)
        self._files.file.close()


def count_both(guard: Guard) -> None:
    count = Counter(guard)
    together(count.add, count.add)
    assert count.value == 2


def selected(guard: Guard) -> None:
    reader, writer = os.pipe()
    count = Counter(guard)

    def produce() -> None:
        os.write(writer, b"x")
        count.add()

    def consume() -> None:
        assert select.select([reader], [], []) == ([reader], [], [])
        count.add()

    together(consume, produce)
    os.close(reader)
    os.close(writer)
    assert count.value == 2


PROGRAMS: dict[str, Callable[[Guard], None]] = {
    function.__name__: function
    for function in (serve, pipe, full_pipe, socket_pair, children, dialogue, process_queue, selected)
}


@pytest.mark.race
@pytest.mark.parametrize("name", PROGRAMS)
def test_bug(name: str) -> None:
    PROGRAMS[name](UNGUARDED)


@pytest.mark.race(interleavings=10)
@pytest.mark.parametrize("name", PROGRAMS)
def test_good(name: str) -> None:
    PROGRAMS[name](threading.Lock())


@pytest.mark.race
def test_bug_database(tmp_path: Path) -> None:
    database(tmp_path / "a.db", in_transaction=False)


@pytest.mark.race(interleavings=10)
def test_good_database(tmp_path: Path) -> None:
    database(tmp_path / "a.db", in_transaction=True)


@pytest.mark.race(interleavings=10)
def test_good_file_lock(tmp_path: Path) -> None:
    count_both(FileLock(tmp_path / "lock", fcntl.flock))


@pytest.mark.race(interleavings=10)
def test_good_lock_of_multiprocessing() -> None:
    count_both(FORK.Lock())


@pytest.mark.race
def test_bug_lock_of_one_process(tmp_path: Path) -> None:
    count_both(FileLock(tmp_path / "lock", fcntl.lockf))  # keeps other processes out, and no other thread


def test_nothing_is_left() -> None:
    assert "recv" not in vars(socket.socket)
    assert sqlite3.connect is sqlite3.dbapi2.connect
    assert not FORK.active_children()
