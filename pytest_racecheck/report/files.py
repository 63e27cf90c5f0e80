"""Files by as little of their path as tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

#: Every package has one: their names say nothing.
_EVERYWHERE: Final = frozenset({"__init__.py", "__main__.py"})


def short_files(files: Iterable[str]) -> dict[str, str]:
    """As in ``util.py``; or ``a/util.py`` and ``b/util.py``, where both are told of."""
    parts = {file: file.replace("\\", "/").split("/") for file in files}
    lengths = {file: 1 + (each[-1] in _EVERYWHERE) for file, each in parts.items()}
    while True:
        short = {file: "/".join(each[-lengths[file] :]) for file, each in parts.items()}
        count = Counter(short.values())
        longer = [file for file, name in short.items() if count[name] > 1 and lengths[file] < len(parts[file])]
        if not longer:
            return short
        for file in longer:
            lengths[file] += 1


def short_file(file: str) -> str:
    """The same for a file that is told of alone."""
    return short_files([file])[file]
