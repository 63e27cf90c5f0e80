"""The stand-ins take the originals' places, and leave them, without a trace."""

from __future__ import annotations

import _thread
import builtins
import io
import os
import queue
import selectors
import shutil
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import thread as pool_module
from pathlib import Path

# As at the top of any module of a user.
from threading import Lock as ImportedLock
from time import sleep as imported_sleep
from types import ModuleType
from typing import Any

import pytest

from pytest_racecheck.engine import real
from pytest_racecheck.primitives import install
from pytest_racecheck.primitives.lock import Lock

MODULES = (threading, _thread, time, queue, os, io, builtins, selectors, socket, pool_module)
CLASSES = (threading.Thread, selectors.SelectSelector, selectors.DefaultSelector)


def names() -> dict[str, dict[str, Any]]:
    holders: list[ModuleType | type] = [*MODULES, *CLASSES]
    found = {holder.__name__: dict(vars(holder)) for holder in holders}
    found["capabilities"] = {
        name: set(getattr(os, name))
        for name in vars(os)
        if name.startswith("supports_") and name != "supports_bytes_environ"
    }
    return found


def in_fresh_interpreter(pytester: pytest.Pytester, program: str) -> str:
    file = pytester.makepyfile(program=program)
    done = pytester.run(sys.executable, "-W", "error", file)
    assert done.ret == 0, done.stderr.str()
    return done.stdout.str()


def test_taking_the_stand_ins_away_leaves_every_name_as_it_was(pytester: pytest.Pytester) -> None:
    """In an interpreter of its own: this one has them already."""
    in_fresh_interpreter(
        pytester,
        """
        import _thread, builtins, concurrent.futures.thread, io, os, queue, selectors, socket, sys, threading, time
        holders = [_thread, builtins, concurrent.futures.thread, io, os, queue, selectors, socket, threading, time]
        holders += [threading.Thread, selectors.SelectSelector, selectors.DefaultSelector]
        def look():
            found = {h.__name__: dict(vars(h)) for h in holders}
            for name in dir(os):
                if name.startswith("supports_") and isinstance(getattr(os, name), set):
                    found[name] = set(getattr(os, name))
            return found
        from pytest_racecheck.primitives import install
        before = look()
        install.acquire()
        install.acquire()
        assert threading.Lock is not before["threading"]["Lock"]
        install.release()
        assert threading.Lock is not before["threading"]["Lock"], "still in use"
        lock, old = threading.Lock(), threading.Thread(target=int)
        install.release()
        after = look()
        for holder, names in before.items():
            assert after[holder] == names, (holder, [n for n in names if after[holder].get(n) is not names[n]])
        with lock:
            assert lock.locked()
        old.start()
        old.join()
        install.acquire()
        assert isinstance(threading.Lock(), type(lock))
        install.release()
        """,
    )


def test_installing_once_more_changes_nothing() -> None:
    before = names()
    install.acquire()
    try:
        assert names() == before
    finally:
        install.release()
    assert names() == before


def test_names_that_were_imported_before_are_replaced_as_well(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        early="from threading import Lock\nfrom time import sleep, monotonic\nfrom io import open as iopen"
    )
    in_fresh_interpreter(
        pytester,
        """
        import early, io, threading, time
        originals = [early.Lock]  # a name in this module would be given the stand-in as well
        from pytest_racecheck.primitives import install
        install.acquire()
        assert early.Lock is threading.Lock is not originals[0]
        assert early.sleep is time.sleep and early.monotonic is time.monotonic and early.iopen is io.open is open
        install.release()
        assert early.Lock is threading.Lock is originals[0]
        """,
    )


def test_a_patch_made_meanwhile_is_kept(pytester: pytest.Pytester) -> None:
    in_fresh_interpreter(
        pytester,
        """
        import time
        from pytest_racecheck.primitives import install
        install.acquire()
        mine = lambda seconds: None
        time.sleep = mine
        install.release()
        assert time.sleep is mine
        """,
    )


def test_names_imported_by_this_module_are_the_stand_ins() -> None:
    imported: object = ImportedLock
    assert imported is Lock
    assert imported_sleep is time.sleep
    assert imported_sleep is not real.sleep


class Service:
    """Functions in C are no methods: neither may be what takes their places."""

    sleep = time.sleep
    clock = time.monotonic
    stat = os.stat
    open = open
    make_lock = threading.Lock
    spawn = _thread.start_new_thread


def test_functions_as_class_attributes(tmp_path: Path) -> None:
    service: Any = Service()
    service.sleep(0)
    assert service.clock() > 0
    assert service.stat(str(tmp_path)).st_mode
    file = tmp_path / "file"
    with service.open(str(file), "w") as opened:
        opened.write("text")
    assert file.read_text() == "text"
    assert service.make_lock().acquire()
    done = service.make_lock()
    done.acquire()
    service.spawn(done.release, ())
    assert done.acquire(timeout=20)


def test_functions_are_found_where_capabilities_are_asked(tmp_path: Path) -> None:
    assert os.stat in os.supports_follow_symlinks
    assert os.stat in os.supports_fd
    assert os.open in os.supports_dir_fd
    assert {os.open, os.stat, os.unlink, os.rmdir} <= os.supports_dir_fd
    assert os.scandir in os.supports_fd
    assert shutil.rmtree.avoids_symlink_attacks


def test_files_still_work(tmp_path: Path) -> None:
    source = tmp_path / "a" / "b"
    source.mkdir(parents=True)
    (source / "file").write_bytes(b"content")
    (source / "link").symlink_to(source / "file")
    shutil.copytree(source, tmp_path / "copy", symlinks=True)
    assert (tmp_path / "copy" / "link").is_symlink()
    shutil.move(tmp_path / "copy", tmp_path / "moved")
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == ["file", "link"]
    assert [path.name for path in tmp_path.rglob("file")]
    shutil.rmtree(tmp_path / "moved")
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder, tempfile.NamedTemporaryFile(dir=folder) as temporary:
        temporary.write(b"x")
    with tempfile.TemporaryFile("w+", dir=tmp_path) as nameless:
        nameless.write("x")
    with pytest.raises(FileNotFoundError):
        open(tmp_path / "none")  # noqa: PTH123, SIM115 - the function is what is tested
    with pytest.raises(TypeError):
        open()  # type: ignore[call-overload]  # noqa: PTH123, SIM115
    assert io.open is builtins.open


def test_subprocesses_and_sockets_still_work() -> None:
    import subprocess

    assert (
        subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True, timeout=60).stdout == b"1\n"
    )
    left, right = socket.socketpair()
    with left, right, selectors.DefaultSelector() as selector:
        selector.register(right, selectors.EVENT_READ)
        assert selector.select(0) == []
        left.send(b"x")
        assert [key.fileobj for key, _ in selector.select(5)] == [right]
