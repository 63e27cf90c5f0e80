"""The outcome table."""

from __future__ import annotations

import pytest

from pytest_racecheck.report.outcomes import render_table


def test_table_has_a_row_for_each_outcome_the_most_frequent_first() -> None:
    table = render_table("test_a.py::test_pair", [("both back off", 7), ("nobody backs off", 1150), ("one does", 43)])
    assert table == [
        "outcomes of test_a.py::test_pair",
        "  outcome           interleavings   share",
        "  nobody backs off          1,150  95.8 %",
        "  one does                     43   3.6 %",
        "  both back off                 7   0.6 %",
    ]


def test_no_outcomes_no_table() -> None:
    assert render_table("test_a.py::test_pair", []) == []


@pytest.mark.parametrize(
    ("outcomes", "shares"),
    [
        ([("a", 1)], ["100.0 %"]),
        ([("a", 0)], ["0.0 %"]),
        ([("a", 9_999), ("b", 1)], ["> 99.9 %", "< 0.1 %"]),
        ([("a", 999), ("b", 1)], ["99.9 %", "0.1 %"]),
    ],
)
def test_share_never_rounds_to_all_or_nothing(outcomes: list[tuple[str, int]], shares: list[str]) -> None:
    rows = render_table("x", outcomes)[2:]
    assert [row.split("  ")[-1].strip() for row in rows] == shares


def test_outcomes_are_made_harmless_and_clipped() -> None:
    table = render_table("x\x1b[0m", [("\x1b[2J" + "y" * 1000, 1), ("日本", 2)])
    assert table[0] == r"outcomes of x\x1b[0m"
    assert all("\x1b" not in line and len(line) < 100 for line in table)
    assert table[2].startswith("  日本 ")
    assert all(line.isascii() for line in render_table("x", [("日本" * 50, 2)], encoding="ascii"))
