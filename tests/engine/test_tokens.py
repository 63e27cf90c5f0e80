"""Replay tokens: what is put in comes out, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_racecheck.engine.errors import ReplayError
from pytest_racecheck.engine.recorder import function_of_all_versions
from pytest_racecheck.engine.schedule import MarkedDeviation, decode, encode

DEVIATIONS = st.lists(
    st.tuples(
        st.tuples(st.text(), st.text(), st.text(), st.text(), st.text(), st.integers(1, 10_000)),
        st.text(),
    ),
    max_size=6,
)


@given(DEVIATIONS, st.booleans())
def test_round_trip(deviations: list[MarkedDeviation], naps: bool) -> None:
    token = encode(deviations, naps)
    assert decode(token) == (deviations, naps)
    assert decode(f" {token}\n") == (deviations, naps)
    assert not set(token) & set(" \n\"'$`\\")


def test_a_test_may_put_something_else_in_the_place_of_what_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "dumps", lambda value: "nothing")
    monkeypatch.setattr(json, "loads", lambda text: [])
    assert decode(encode([], naps=True)) == ([], True)


@given(DEVIATIONS, st.data())
def test_a_changed_token_is_refused(deviations: list[MarkedDeviation], data: st.DataObject) -> None:
    token = encode(deviations, naps=True)
    place = data.draw(st.integers(4, len(token) - 2))  # the last character holds bits that do not count
    other = data.draw(st.sampled_from([each for each in "Aa0-_. é" if each != token[place]]))
    with pytest.raises(ReplayError, match="damaged"):
        decode(token[:place] + other + token[place + 1 :])


@given(st.text(max_size=60))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ReplayError):
        decode(text)


@pytest.mark.parametrize(
    ("up_to_3_11", "name"),
    [
        ("f.<locals>.<listcomp>", "f"),
        ("f.<locals>.<dictcomp>.<locals>.<lambda>", "f.<locals>.<lambda>"),
        ("f.<locals>.<setcomp>.<locals>.<listcomp>", "f"),
        ("<listcomp>", "<module>"),
        ("f.<locals>.<genexpr>", "f.<locals>.<genexpr>"),
        ("f.<locals>.g", "f.<locals>.g"),
    ],
)
def test_comprehensions_are_part_of_their_functions(up_to_3_11: str, name: str) -> None:
    assert function_of_all_versions(up_to_3_11) == name


def test_what_the_messages_say() -> None:
    token = encode([], naps=False)
    with pytest.raises(ReplayError, match="is no replay token: one starts with rc1-"):
        decode("no token")
    with pytest.raises(ReplayError, match=r"newer racecheck.*upgrade pytest-racecheck"):
        decode("rc9" + token[3:])
    with pytest.raises(ReplayError, match="damaged: copy the whole token"):
        decode(token[:-3])
