"""What instrumented code does while others run that no access tells of, or tells only half of.

That a method is called, or a function of a module looked up, is not told, which would make every call an access; so
whatever a proof says of a test that replaces one of them meanwhile rests on something unseen. So does what goes past
names, like ``__dict__``, and what the standard library keeps in objects that it shares with the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pytest_racecheck.instrument.scope import in_library

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access, Site
    from pytest_racecheck.instrument.audit import Audit

#: Who is told of calls at the moment.
auditor: Audit | None = None

#: Attributes of modules that were assigned while others ran, by the address of the module's dictionary.
written: Final[set[tuple[int, str]]] = set()

_seen: Final[set[tuple[Site, str]]] = set()


def note(access: Access, what: str) -> None:
    """What happens at ``access``; a sentence without its subject, which is the place."""
    if not in_library(access.site.file):  # little is visible there, and that was chosen
        _seen.add((access.site, what))


def replaced(access: Access, name: str) -> None:
    """``name`` is assigned or deleted by ``access``."""
    note(access, f"replaces {name} while others run, and racecheck does not see who uses it")


def gaps() -> Iterator[str]:
    """A sentence for each place that did so since `forget`."""
    for site, what in _seen:
        yield f"{site.place} {what}"


def forget() -> None:
    """Another item, or another model, begins."""
    global auditor
    auditor = None
    written.clear()
    _seen.clear()
