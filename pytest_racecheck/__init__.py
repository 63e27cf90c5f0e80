"""pytest-racecheck: reruns a marked test under many forced thread interleavings and explains the first that breaks it.

The public interface is what pytest sees: the marker ``race``, the fixture ``racecheck``, the options and their ini
twins, the JSON report. Importing this package imports nothing else.
"""

from __future__ import annotations

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
