"""Command line and ini: one table, from which options are registered and the settings of a session are made."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest

from pytest_racecheck import settings
from pytest_racecheck.report import whole_file
from pytest_racecheck.settings import Settings, SettingsError

_DEFAULTS: Final = Settings()


class Option(NamedTuple):
    """One argument of ``Settings``: ``flag`` and ``ini`` are its names, None where it can't be given that way."""

    field: str
    flag: str | None
    ini: str | None
    metavar: str
    ini_type: Literal["int", "float", "string", "linelist"]
    help: str


OPTIONS: Final = (
    Option("interleavings", "--interleavings", "racecheck_interleavings", "N", "int",
           "how many interleavings to run each marked test under"),
    Option("strategy", "--racecheck-strategy", "racecheck_strategy", "NAME", "string",
           "how interleavings are chosen"),
    Option("seed", "--racecheck-seed", "racecheck_seed", "INT", "int",
           "base of the seeds of all tests; unless given, the seed of pytest-randomly if that is active"),
    Option("timeout", "--racecheck-timeout", "racecheck_timeout", "SECONDS", "float",
           "real seconds that one interleaving may take"),
    Option("model", "--racecheck-model", "racecheck_model", "NAME", "string",
           "where threads may be switched: 'python' at any two accesses to shared memory, "
           "'gil' where the interpreter of a GIL build can"),
    Option("fail_on", "--racecheck-fail-on", "racecheck_fail_on", "KINDS", "linelist",
           "what a test fails on even if its own checks pass"),
    Option("suppressions", None, "racecheck_suppressions", "", "linelist",
           "findings that are known and don't count, kind:pattern a line; the pattern (* stands for any text) has to "
           "occur in 'file:line function resource' of one of their places"),
    Option("replay", "--racecheck-replay", "racecheck_replay", "TOKEN", "string",
           "run the selected marked tests under the one schedule that a failure report printed, or the tests of a "
           "JSON report (its path) under those that it holds"),
    Option("threads", "--racecheck-threads", "racecheck_threads", "K", "int",
           "with --racecheck-all: run the body of each test without the marker in so many threads at once"),
    Option("include", None, "racecheck_include", "", "linelist",
           "modules (prefixes of their names) or paths (patterns) to instrument besides the usual ones"),
    Option("exclude", None, "racecheck_exclude", "", "linelist",
           "modules or paths not to instrument"),
    Option("shrink", None, "racecheck_shrink", "SECONDS", "float",
           "real seconds for making a failing schedule simpler"),
    Option("max_points", None, "racecheck_max_points", "N", "int",
           "scheduling points after which an interleaving is cut off"),
    Option("sleep_scale", None, "racecheck_sleep_scale", "FACTOR", "float",
           "under the strategy stress, which runs in real time: the test's own sleeps take so many times as long"),
)  # fmt: skip

ALL: Final = ("--racecheck-all", "racecheck_all", "treat every test as marked")
JSON: Final = ("--racecheck-json", "racecheck_json", "write the results of all marked tests to this file")
HTML: Final = ("--racecheck-html", "racecheck_html", "write a page about all marked tests, in one file")
GIL: Final = (
    "--gil-report",
    "racecheck_gil_report",
    "measure what each marked test gains from its threads, in real time, and say what would help",
)

HANG_TIMEOUT: Final = (
    "racecheck_hang_timeout",
    "real seconds that set-up, call and tear-down of every test may take, each, also without the marker",
)

#: What to replay, by node id (None: whatever is selected); empty unless that was asked for.
REPLAYS: Final[pytest.StashKey[dict[str | None, str]]] = pytest.StashKey()

#: ``interleavings`` is understood in ini files too, as the twin of the bare ``--interleavings``.
_ALIASES: Final = {"racecheck_interleavings": "interleavings"}


def add_options(parser: pytest.Parser) -> None:
    """Register everything with pytest."""
    group = parser.getgroup("racecheck", "racecheck: tests under forced thread interleavings")
    for option in OPTIONS:
        default = getattr(_DEFAULTS, option.field)
        allowed = settings.ARGUMENTS[option.field].allowed
        text = f"{option.help} ({allowed}; default: {default})" if default not in (None, ()) else option.help
        if option.flag is not None:
            group.addoption(
                option.flag, dest=_dest(option), metavar=option.metavar, type=_reader(option), default=None, help=text
            )
        if option.ini is not None:
            parser.addini(option.ini, text, type=option.ini_type, default=None)
            if option.ini in _ALIASES:
                parser.addini(_ALIASES[option.ini], f"the same as {option.ini}", type=option.ini_type, default=None)
    flag, ini, text = ALL
    group.addoption(flag, dest="racecheck_all", action="store_true", default=None, help=text)
    parser.addini(ini, text, type="bool", default=False)
    flag, ini, text = GIL
    group.addoption(flag, dest=ini, action="store_true", default=None, help=text)
    parser.addini(ini, text, type="bool", default=False)
    parser.addini(*HANG_TIMEOUT, type="float", default=None)
    for flag, ini, text in (JSON, HTML):
        group.addoption(flag, dest=ini, metavar="PATH", default=None, help=text)
        parser.addini(ini, f"{text}; relative to the root directory", type="string", default=None)


def session_settings(config: pytest.Config) -> Settings:
    """The settings that hold for every test without a marker argument; UsageError for a value that can't be used."""
    values: dict[str, Any] = {}
    for option in OPTIONS:
        value = config.getoption(_dest(option)) if option.flag is not None else None
        if value is None and option.ini is not None:
            value = _from_ini(config, option, option.ini)
        if value is None and option.field == "seed":
            value = _randomly_seed(config)
        if value is not None:
            values[option.field] = value
    if config.getoption("racecheck_threads") is not None and not treats_all_as_marked(config):
        raise pytest.UsageError(
            "--racecheck-threads is for tests without the marker: give --racecheck-all as well, or mark tests with "
            "@pytest.mark.race(threads=K)"
        )
    if "replay" in values:
        from pytest_racecheck.pytesting import replays

        on_command_line = config.getoption("racecheck_replay") is not None
        base = config.invocation_params.dir if on_command_line else config.rootpath
        shown_as = "--racecheck-replay" if on_command_line else "ini option racecheck_replay"
        tokens = replays.read(values["replay"], base, shown_as)
        config.stash[REPLAYS] = tokens
        values["replay"] = next(iter(tokens.values()))
    return replace(_DEFAULTS, **values, watch=config.get_verbosity() > 0)


def refuse_parallel_threads(config: pytest.Config) -> None:
    """UsageError when pytest-run-parallel is to run all tests in threads of its own."""
    for name in ("parallel_threads", "iterations") if hasattr(config.option, "parallel_threads") else ():
        if str(config.getoption(name, None) or 1) != "1":
            flag = f"--{name.replace('_', '-')}"
            raise pytest.UsageError(f"racecheck and {flag} (pytest-run-parallel) can't be used together")


def hang_timeout(config: pytest.Config) -> float | None:
    """The limit for every test, in seconds; None if there is none. UsageError for a value that can't be used."""
    name = HANG_TIMEOUT[0]
    try:
        value = config.getini(name)
    except (ValueError, TypeError, pytest.UsageError):
        value = _as_written(config, name)
    try:
        return None if value is None else float(settings.checked("timeout", value, f"ini option {name}"))
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from None


def given(config: pytest.Config) -> bool:
    """Whether anything about racecheck was asked for on the command line."""
    dests = [_dest(option) for option in OPTIONS if option.flag is not None]
    dests += [ini for _, ini, _ in (ALL, JSON, HTML, GIL)]
    return any(config.getoption(dest) is not None for dest in dests)


def treats_all_as_marked(config: pytest.Config) -> bool:
    """``--racecheck-all``, on the command line or in the ini file."""
    return _switch(config, "racecheck_all")


def gil_report(config: pytest.Config) -> bool:
    """``--gil-report``, on the command line or in the ini file."""
    return _switch(config, "racecheck_gil_report")


def report_path(config: pytest.Config, names: tuple[str, str, str], *, writes: bool) -> Path | None:
    """Where a report goes (``names`` is `JSON` or `HTML`); UsageError when nothing can be written there.

    ``writes``: this process will do so, and tries it out.
    """
    flag, ini, _ = names
    text = config.getoption(ini)
    base, shown_as = config.invocation_params.dir, flag
    if text is None:
        text, base, shown_as = config.getini(ini), config.rootpath, f"ini option {ini}"
    if text is None:
        return None
    try:
        path = base / Path(text).expanduser()
        if not text.strip():
            raise ValueError("it is empty")
        if writes:
            whole_file.try_out(path)
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise pytest.UsageError(
            f"{shown_as}: {text!r} is not allowed ({why}); give the path of a file that can be written"
        ) from None
    return path


def _switch(config: pytest.Config, name: str) -> bool:
    """An option that is on or off; ``name`` is that of its ini twin."""
    flag: bool | None = config.getoption(name)
    if flag is None:
        try:
            return bool(config.getini(name))
        except (ValueError, pytest.UsageError):
            text = _as_written(config, name)
            raise pytest.UsageError(f"ini option {name}: {text!r} is not allowed; give true or false") from None
    return flag


def _dest(option: Option) -> str:
    return f"racecheck_{option.field}"


def _reader(option: Option) -> Callable[[str], Any]:
    """What argparse calls with the text of an option; its error message names the option and says the rest."""

    def read(text: str) -> Any:
        try:
            return settings.read(option.field, text)
        except SettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _from_ini(config: pytest.Config, option: Option, name: str) -> Any:
    shown_as = f"ini option {name}"
    try:
        value = config.getini(name)
    except (ValueError, TypeError, pytest.UsageError):  # which of them depends on pytest's version
        value = _as_written(config, name)
    try:
        if value is not None:
            return settings.checked(option.field, value, shown_as)
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from None
    return _from_ini(config, option, _ALIASES[name]) if name in _ALIASES else None


def _randomly_seed(config: pytest.Config) -> int | None:
    """The seed of pytest-randomly, when it is active and has settled on one."""
    seed = config.getoption("randomly_seed", None)
    return seed if type(seed) is int else None


def _as_written(config: pytest.Config, name: str) -> object:
    from pytest_racecheck.pytesting import private

    return private.ini_text(config, name)
