"""Files that are written all at once; and whether they can be, found out before there is anything to write."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write ``path``, whose folders are made: a reader never sees half of it. OSError when that can't be done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Values of the code under test may hold lone surrogates, which no UTF-8 file can.
    content = text.encode("utf-8", "backslashreplace")
    if path.exists() and not path.is_file():  # a device, a pipe: to be written to, and not replaced
        path.write_bytes(content)
        return
    unfinished = _unfinished(path)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def try_out(path: Path) -> None:
    """Make the folders of ``path``, and see whether it could be written. OSError when it can't."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if path.exists() and not path.is_file():
        return
    unfinished = _unfinished(path)
    unfinished.touch()
    unfinished.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
