"""Daemons that wait when the test ends, for somebody who will come or not, are no deadlock."""

from __future__ import annotations

import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Engine

STRATEGIES = ["auto", "stress"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_for_a_lock_that_they_took_themselves(engine: Engine, strategy: str) -> None:
    def body() -> None:
        wake = threading.Lock()

        def work() -> None:
            wake.acquire()
            while True:
                wake.acquire()

        threading.Thread(target=work, daemon=True).start()
        engine.together(int)

    engine.passes(body, strategy=strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_for_the_import_of_another_thread(
    engine: Engine, strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = socket.socketpair()
    monkeypatch.setattr(sys, "left", left, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "imported_slowly.py").write_text("import sys\nsys.left.recv(1)\n")

    def body() -> None:
        def work() -> None:
            import imported_slowly  # type: ignore[import-not-found] # noqa: F401

        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        engine.together(int)

    with left, right:
        engine.passes(body, strategy=strategy, interleavings=3)
