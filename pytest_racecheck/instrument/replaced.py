"""What is assigned while others run, and whose use is no access: methods, functions of modules, descriptors in C.

That they are called or looked up is not told, which would make every call an access; so whatever a proof says of a test
that replaces one of them meanwhile rests on something unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_racecheck.engine.operation import Access, Site

_seen: Final[set[tuple[Site, str]]] = set()


def note(access: Access, name: str) -> None:
    """``name`` is assigned or deleted by ``access``."""
    _seen.add((access.site, name))


def gaps() -> Iterator[str]:
    """A sentence for each place that did so since `forget`."""
    for site, name in _seen:
        yield f"{site.place} replaces {name} while others run, and racecheck does not see who uses it"


def forget() -> None:
    """Another item, or another model, begins."""
    _seen.clear()
