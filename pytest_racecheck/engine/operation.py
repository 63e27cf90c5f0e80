"""Operations: what a thread is about to do at a scheduling point, on which resource, at which site."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal[
    "begin",
    "end",
    "read",
    "write",
    "update",
    "acquire",
    "try-acquire",
    "timeout",
    "release",
    "start",
    "join",
    "sleep",
    "block",
    "put",
    "get",
    "try-get",
    "file",
    "point",
]


#: Kinds of accesses to memory; a "read" may also be a look at a synchronisation object.
MEMORY: Final = frozenset(("read", "write", "update"))

#: How much a failed attempt, or a look at a clock, is a sign of a thread that only polls; a read counts 1.
POLL: Final = 100


class Site(NamedTuple):
    """Where an operation stands in the source.

    ``line`` counts from 1, ``column`` from 0 in characters; ``source`` is the text of the expression as written.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str
    source: str

    @property
    def place(self) -> str:
        """As in ``bank.py:27``."""
        return f"{self.file.replace(chr(92), '/').rpartition('/')[2]}:{self.line}"


class Access:
    """One instruction that may touch memory which threads share. Made once for each instruction, compared by identity.

    ``kind`` is "update" for an atomic operation that both reads and writes (``list.append``, ``dict.setdefault``).
    ``container`` tells that the owner is a built-in container and the key one of its items (None: the whole of it).
    """

    __slots__ = ("container", "kind", "name", "shared", "site", "writes")

    def __init__(self, site: Site, kind: Literal["read", "write", "update"], name: str, container: bool) -> None:
        self.site = site
        self.kind: Final = kind
        self.name: Final = name
        self.container: Final = container
        self.writes: Final = kind != "read"
        #: Set by the engine once this access met a location that threads share; reset for every item.
        self.shared = False

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.name} at {self.site.file}:{self.site.line}:{self.site.column}>"


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


#: The owner of a location whose receiver can't be read without side effects: in conflict with every access to its name.
UNKNOWN: Final = _Unknown()
