"""Attributes that are replaced for a while."""

from __future__ import annotations

from typing import Any, Final

#: In place of the original where a class had the name only from its base.
_INHERITED: Final = object()


class Patches:
    """`put` replaces, `undo` puts everything back as it was."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, object, object]] = []

    def put(self, owner: Any, name: str, value: object) -> None:
        """Makes ``value`` the attribute ``name`` of a module or class."""
        self._done.append((owner, name, vars(owner).get(name, _INHERITED), value))
        setattr(owner, name, value)

    def undo(self) -> None:
        """The last one first; what somebody else has replaced meanwhile is theirs. Harmless when called twice."""
        while self._done:
            owner, name, original, value = self._done.pop()
            if vars(owner).get(name) is not value:
                continue
            if original is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
