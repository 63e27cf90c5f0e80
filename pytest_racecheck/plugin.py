"""The pytest plugin: options, marker and fixtures, and which tests are explored. Everything else is elsewhere.

Importing this module installs the stand-ins for locks, threads and clocks: they have to be there before the code under
test is imported, else its module-level locks are out of reach. They cost next to nothing until a marked test runs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from pytest_racecheck import __version__, hookspecs
from pytest_racecheck.primitives import install
from pytest_racecheck.pytesting import marked, options
from pytest_racecheck.pytesting.fixture import racecheck
from pytest_racecheck.pytesting.gil_fixture import gil
from pytest_racecheck.tutorial import fixtures as tutorial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_racecheck.settings import Settings

__all__ = ["gil", "racecheck"]

#: What a session without marker arguments would use; there from configuration on.
_SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
#: How many tests of this process are going to be explored.
_MARKED: pytest.StashKey[int] = pytest.StashKey()
#: Whether this session holds on to the installed stand-ins.
_HOLDS: pytest.StashKey[bool] = pytest.StashKey()

_RESULTS: Final = "racecheck-results"

install.acquire()
_held_by_import = True  # until the first session takes over


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Hooks for other plugins."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Command line options and their ini twins."""
    options.add_options(parser)


@pytest.hookimpl(trylast=True)  # when pytest-randomly has settled on a seed
def pytest_configure(config: pytest.Config) -> None:
    """Check what was asked for, before anything else is done."""
    global _held_by_import
    if not _held_by_import:
        install.acquire()
    _held_by_import = False
    config.stash[_HOLDS] = True
    config.addinivalue_line("markers", marked.MARKER_HELP)
    config.addinivalue_line("markers", marked.GIL_HELP)
    config.stash[_SETTINGS] = options.session_settings(config)
    options.treats_all_as_marked(config)
    options.gil_report(config)
    options.hang_timeout(config)
    writes = not _is_xdist_worker(config)
    json_path = options.report_path(config, options.JSON, writes=writes)
    html_path = options.report_path(config, options.HTML, writes=writes)
    if json_path is not None or html_path is not None or config.getoption("dist", "no") != "no":
        _collect_results(config, json_path, html_path)
    if config.getoption("dist", "no") != "no" and not _is_xdist_worker(config):
        from pytest_racecheck.pytesting.lost_workers import LostWorkers

        config.pluginmanager.register(LostWorkers(), "racecheck-lost-workers")
    config.pluginmanager.register(tutorial, "racecheck-tutorial")


@pytest.hookimpl(tryfirst=True)  # pytest collects garbage when it ends, and would have to look at all that
def pytest_unconfigure(config: pytest.Config) -> None:
    """The last session to end takes the stand-ins away, and forgets all code that was looked into."""
    if config.stash.get(_HOLDS, False):
        del config.stash[_HOLDS]
        registry = sys.modules.get("pytest_racecheck.instrument.registry")
        if install.release() and registry is not None:
            registry.forget()


@pytest.hookimpl(trylast=True)  # tests that were deselected need not be in order
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the tests to explore; without any, nothing more of racecheck is imported or registered."""
    try:
        why_not: dict[pytest.Item, str] = {}
        refused: dict[pytest.Item, str] = {}
        every = options.treats_all_as_marked(config)
        selected = marked.select(items, config.stash[_SETTINGS], every, why_not, refused)
        selected = marked.replayed(selected, items, config.stash.get(options.REPLAYS, {}))
        if selected:
            options.refuse_parallel_threads(config)
        _measure(config, items, selected)
    except pytest.UsageError as error:
        if not _is_xdist_worker(config):
            raise
        from pytest_racecheck.pytesting.results import USAGE_ERROR

        config.workeroutput[USAGE_ERROR] = str(error)  # type: ignore[attr-defined]
        items.clear()
        return
    config.stash[_MARKED] = len(selected)
    if refused:
        config.pluginmanager.register(marked.Refusal(refused), "racecheck-refusal")
    if (selected or why_not) and not config.getoption("collectonly"):
        from pytest_racecheck.pytesting.item_hooks import ItemHooks

        config.pluginmanager.register(ItemHooks(selected, why_not), "racecheck-items")
        _collect_results(config, None, None)
    seconds = options.hang_timeout(config)
    if (selected or (items and seconds is not None)) and not config.getoption("collectonly"):
        from pytest_racecheck.pytesting.hang_hooks import HangHooks

        config.pluginmanager.register(HangHooks(seconds, selected), "racecheck-hangs")
        _collect_results(config, None, None)


def _measure(config: pytest.Config, items: list[pytest.Item], explored: Mapping[pytest.Item, Settings]) -> None:
    """Find the tests whose gain from threads is measured."""
    measured, every = marked.measured(items), options.gil_report(config)
    if (measured or (every and explored)) and not config.getoption("collectonly"):
        from pytest_racecheck.pytesting.gil_hooks import GilHooks

        config.pluginmanager.register(GilHooks(measured, explored, every=every), "racecheck-gil")
        _collect_results(config, None, None)


def pytest_report_header(config: pytest.Config) -> str | None:
    """One line about the session when racecheck was asked for on the command line."""
    return _header(config) if options.given(config) else None


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> str | None:
    """The same line when it turns out that there are marked tests; nothing in a session without any."""
    count = config.stash.get(_MARKED, 0)
    if not count or not items or options.given(config) or config.get_verbosity() < 0:
        return None
    return _header(config)


def _collect_results(config: pytest.Config, json_path: Path | None, html_path: Path | None) -> None:
    """Where reports arrive that may have results: not in a worker of pytest-xdist, but in its controller."""
    if not _is_xdist_worker(config) and not config.pluginmanager.has_plugin(_RESULTS):
        from pytest_racecheck.pytesting.results import Results

        config.pluginmanager.register(Results(config, json_path, html_path), _RESULTS)


def _header(config: pytest.Config) -> str:
    settings = config.stash[_SETTINGS]
    if settings.replay is not None:
        return f"racecheck {__version__}: replays one interleaving"
    return (
        f"racecheck {__version__}: strategy {settings.strategy}, {settings.interleavings} interleavings, "
        f"seed {settings.seed}"
    )


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
