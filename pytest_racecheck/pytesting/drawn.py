"""What Hypothesis drew for one example, made anew for each interleaving; the only module that knows its insides.

An interleaving may change what it is given: a list that is appended to, an object that the strategy built. The next one
must not see that, so the values are drawn again, from the same choices.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.control import BuildContext, current_build_context
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.reporting import report, with_reporter

if TYPE_CHECKING:
    import pytest

#: Health checks that are true of tests which run once for an example, and false of these.
_FALSE_ALARMS: Final = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)

#: Values that nobody can change.
_IMMUTABLE: Final = frozenset({int, str, bytes, bool, float, complex, type(None)})

_SETTINGS: Final = "_hypothesis_internal_use_settings"

#: Hypothesis's own ways to end an example that is no good.
REJECTIONS: Final = (UnsatisfiedAssumption, StopTest)


@contextmanager
def adapted(item: pytest.Item) -> Iterator[int]:
    """Settings of the test that go together with racecheck; gives the number of examples.

    No deadline, for each example runs many times; one bug at a time, since one interleaving stays set up for a
    debugger; and no explanations by a trace function, which would have to share the threads with racecheck's.
    """
    function: Any = getattr(item, "obj", None)
    function = getattr(function, "__func__", function)
    before = getattr(function, _SETTINGS, None)
    base = before or settings()
    chosen = settings(
        parent=base,
        deadline=None,
        report_multiple_bugs=False,
        print_blob=True,
        phases=tuple(phase for phase in base.phases if phase is not Phase.explain),
        suppress_health_check=tuple({*base.suppress_health_check, *_FALSE_ALARMS}),
    )
    setattr(function, _SETTINGS, chosen)
    try:
        yield chosen.max_examples
    finally:
        setattr(function, _SETTINGS, before)


class Drawn:
    """The example that Hypothesis is about to run. ``values``: what it drew, by the names of the arguments.

    ``is_final``: whether the failure is going to be reported, and not made smaller. ``key`` names the example among
    those of its test; None for one that was written down (``@example``).
    """

    def __init__(self, handle: Any, values: Mapping[str, Any]) -> None:
        context = current_build_context()
        self._data = context.data
        self._wrapped = context.wrapped_test
        self.is_final: bool = context.is_final
        self._strategies: dict[str, Any] = handle._given_kwargs
        self._values = dict(values)
        self._explicit = _is_explicit(self._wrapped, values)
        self._kept = copies(values) if self._explicit else {}
        self._calls = 0
        self._notes: list[object] = []
        self._before: tuple[Any, ...] = tuple(self._data.choices)
        self.key = None if self._explicit else self._before

    def is_settled(self) -> bool:
        """Whether ``key`` says it all: nothing was drawn in the midst of the test (``st.data()``)."""
        return not self._explicit and tuple(self._data.choices) == self._before

    @contextmanager
    def again(self) -> Iterator[dict[str, Any]]:
        """The values for one more interleaving; ``note``, ``event``, ``target`` and ``data.draw`` work inside."""
        self._calls += 1
        self._notes.clear()
        with with_reporter(self._notes.append):
            if self._calls == 1:
                yield copies(self._kept) if self._explicit else self._values
                return
            data = ConjectureData(random=Random(0), prefix=tuple(self._data.choices))
            with BuildContext(data, is_final=self.is_final, wrapped_test=self._wrapped) as context:
                if self._explicit:
                    values = copies(self._kept)
                elif all(type(value) in _IMMUTABLE for value in self._values.values()):
                    values = self._values
                else:
                    values, _ = context.prep_args_kwargs_from_strategies(self._strategies)
                with contextlib.suppress(*REJECTIONS):  # the example is good; this order of things is none
                    yield values

    def tell(self) -> None:
        """Report what the last interleaving noted."""
        for text in self._notes:
            report(str(text))


def _is_explicit(wrapped: Any, values: Mapping[str, Any]) -> bool:
    """Whether the values are those of an ``@example``: the very objects."""
    drawn = [id(value) for value in values.values()]
    for example in getattr(wrapped, "hypothesis_explicit_examples", ()):
        if sorted(drawn) == sorted(map(id, (*example.args, *example.kwargs.values()))):
            return True
    return False


def copies(values: Mapping[str, Any]) -> dict[str, Any]:
    """Deep copies, where that can be done; what can't be copied is shared, as an object of the module would be."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = copy.deepcopy(value)
        except Exception:  # noqa: BLE001 - __deepcopy__ and __reduce__ may raise anything
            found[name] = value
    return found
