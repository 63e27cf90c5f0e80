"""What an iterator will give next is compared without running code of the user's, and with nothing taken from it."""

from __future__ import annotations

import pytest

from pytest_racecheck.engine.spinning import _UNKNOWN, _rest


class Guarded(list[int]):
    """A list that nobody but its owner may look into."""

    def __getitem__(self, index: object) -> int:  # type: ignore[override]
        raise AssertionError(index)


@pytest.mark.parametrize(
    "items", [[1, 2, 3], (1, 2, 3), range(1, 4), {1, 2, 3}, {1: 0, 2: 0, 3: 0}, {0: 1, 1: 2, 2: 3}.values()]
)
def test_what_is_left_shows_and_stays(items: object) -> None:
    iterator = iter(items)  # type: ignore[call-overload]
    assert _rest(iterator) == (1, 2, 3)
    assert next(iterator) == 1
    assert _rest(iterator) == (2, 3)
    assert list(iterator) == [2, 3]
    assert _rest(iterator) == ()


def test_classes_of_the_user_are_left_alone() -> None:
    assert _rest(iter(Guarded([1, 2]))) is _UNKNOWN


def test_what_does_not_tell_is_unknown() -> None:
    assert _rest(iter(map(abs, [1]))) is _UNKNOWN
    assert _rest(iter(str, "")) is _UNKNOWN
