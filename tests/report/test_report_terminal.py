"""Text for terminals: harmless, measured, cut and wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.report.terminal import (
    ASCII,
    UNICODE,
    cells,
    clean,
    clip,
    encodable,
    first_line,
    pad,
    place,
    symbols_for,
    wrap,
)

if TYPE_CHECKING:
    from pathlib import Path


@given(st.text(st.characters()))
def test_clean_leaves_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = clean(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u200f\u2028" for c in shown)
    shown.encode()


def test_clean_shows_what_was_there() -> None:
    assert clean("a\x1b[31m\tb\u202e\n") == r"a\x1b[31m b\u202e\n"
    assert clean("Größe → 日本") == "Größe → 日本"


@given(st.text(st.characters()), st.integers(0, 30))
def test_clip_keeps_to_the_width_and_cuts_only_what_does_not_fit(text: str, width: int) -> None:
    shown = clean(text)
    cut = clip(shown, width, "…")
    assert cells(cut) <= width
    assert cut == shown if cells(shown) <= width else shown.startswith(cut.removesuffix("…"))


def test_wide_characters_take_two_cells_and_combining_ones_none() -> None:
    assert cells("日本") == 4
    assert cells("e\u0301") == 1
    assert clip("日本語", 4, "…") == "日…"
    assert pad("日", 4) == "日  "


@given(st.lists(st.text("ab", min_size=1, max_size=8), min_size=1, max_size=20), st.integers(12, 40))
def test_wrap_keeps_all_words_and_the_width(words: list[str], width: int) -> None:
    lines = wrap("  " + " ".join(words), width, "    ")
    assert " ".join(lines).split() == words
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("  ")
    assert all(line.startswith("    ") for line in lines[1:])


def test_wrap_leaves_a_word_that_is_too_long_whole() -> None:
    assert wrap("a " + "b" * 30, 10, "  ") == ["a", "  " + "b" * 30]
    assert wrap("", 10) == [""]


def test_first_line_is_the_first_that_says_something() -> None:
    assert first_line("\n  \n  this \x07\n that") == "this \\x07"
    assert first_line(" \n ") == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_arrows_where_the_encoding_has_them(encoding: str) -> None:
    assert symbols_for(encoding) is UNICODE


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "unheard-of"])
def test_ascii_where_it_does_not(encoding: str) -> None:
    assert symbols_for(encoding) is ASCII
    assert encodable("→", encoding) == r"\u2192"


def test_place_is_relative_to_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place(str(tmp_path / "tests" / "a.py"), 3, 60, "…") == "tests/a.py:3"
    assert place("/elsewhere/a.py", 3, 60, "…") == "/elsewhere/a.py:3"
    assert place("<string>", 1, 60, "…") == "<string>:1"


def test_place_survives_the_loss_of_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert place("/elsewhere/a.py", 3, 60, "…") == "/elsewhere/a.py:3"


def test_place_of_a_long_path_keeps_its_end_and_the_line() -> None:
    path = "/very/long" * 9 + "/pkg/mod.py"
    assert place(path, 30, 60, "…").startswith("…/")
    assert place(path, 30, 60, "…").endswith("/long/pkg/mod.py:30")
    assert cells(place(path, 30, 60, "…")) < 70
    assert place("x" * 100, 7, 60, "…") == "x" * 59 + "…:7"


def test_place_in_a_library_begins_where_libraries_are() -> None:
    assert place("/opt/lib/python3.13/threading.py", 7, 60, "…") == "…/python3.13/threading.py:7"
    assert place("/v/lib/python3.13/site-packages/a/b.py", 7, 60, "...") == ".../site-packages/a/b.py:7"
