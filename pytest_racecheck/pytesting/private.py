"""Every private name of pytest that racecheck relies on, each found at run time and not taken for granted.

pytest offers no public way to set an item up twice. The names here are the same from 8.4 to 9.2; a pytest without
them is refused by ``missing_names`` when the first marked test is about to run, by name, and not with a crash later.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pytest


def missing_names(item: pytest.Item) -> list[str]:
    """Names that this pytest lacks and without which nothing can be run again; normally none."""
    state = getattr(item.session, "_setupstate", None)
    wanted: list[tuple[object, str]] = [(state, name) for name in ("stack", "teardown_exact")]
    wanted += [(item, name) for name in ("_request", "_initrequest", "_report_sections", "fixturenames")]
    wanted += [(getattr(item, "_request", None), "_fixture_defs")]
    return [name for owner, name in wanted if not hasattr(owner, name)]


# --- one item, set up and torn down in place


def set_up(item: pytest.Item) -> None:
    """Set up the item alone; its collectors and wider fixtures stay as they are."""
    stack = cast("Any", item.session)._setupstate.stack
    finalizers = [item.teardown]
    stack[item] = finalizers, None
    try:
        item.setup()
    except BaseException as error:
        stack[item] = finalizers, (error, error.__traceback__)
        raise


def tear_down(item: pytest.Item) -> None:
    """Tear down the item alone."""
    stack = cast("Any", item.session)._setupstate.stack
    finalizers, _ = stack.pop(item)
    try:
        while finalizers:
            finalizers.pop()()
    except BaseException as error:  # noqa: BLE001 - raised again, with what else the finalizers raise
        stack[item] = finalizers, None
        _tear_down_after(item, finalizers, error)


def _tear_down_after(item: pytest.Item, finalizers: list[Callable[[], object]], error: BaseException) -> None:
    """Has pytest go on with ``finalizers``, the last of which has raised ``error``."""

    def raise_again() -> None:
        __tracebackhide__ = True
        raise error

    finalizers.append(raise_again)
    try:
        # As if a test with the same parents came next.
        cast("Any", item.session)._setupstate.teardown_exact(item.parent)
    except BaseException:
        # It goes on with the others only after what it takes for a failure, which the end of a run is not.
        while finalizers:
            with contextlib.suppress(BaseException):
                finalizers.pop()()
        raise


def forget_set_up(session: pytest.Session) -> None:
    """Have nothing torn down at the end of the session: no thread is left that could do it."""
    cast("Any", session)._setupstate.stack.clear()


def stop_capturing(config: pytest.Config) -> None:
    """Have what is written from now on shown, wherever the session is."""
    manager = config.pluginmanager.getplugin("capturemanager")
    if manager is not None:
        manager.suspend(in_=True)


def is_set_up(item: pytest.Item) -> bool:
    """Whether there is anything of the item to tear down."""
    return item in cast("Any", item.session)._setupstate.stack


def renew(item: pytest.Item) -> None:
    """Forget what the last set-up left: the fixture values, the instance of the test class, the bound method."""
    node = cast("Any", item)
    node._initrequest()
    if getattr(node, "cls", None) is not None:
        node.__dict__.pop("_instance", None)
        node._obj = None


def has_finalizers(item: pytest.Item) -> bool:
    """Whether code that is not pytest's own runs when the item alone is torn down."""
    finalizers: list[Any] = list(cast("Any", item.session)._setupstate.stack[item][0])
    for definition in active_fixtures(item).values():
        if definition.scope == "function":
            finalizers += getattr(definition, "_finalizers", ())
    return any(map(_is_of_others, finalizers))


def _is_of_others(finalizer: Any) -> bool:
    function = getattr(finalizer, "func", finalizer)
    if getattr(function, "__name__", "") == "_teardown_yield_fixture":
        function = finalizer.args[0]
        if function.__module__ in ("_pytest.python", "_pytest.unittest"):  # they call teardown_method and its like
            return True
    return not str(getattr(function, "__module__", "")).startswith(("_pytest.", "pytest_racecheck."))


def surround_finalizers(item: pytest.Item, before: Callable[[], object], after: Callable[[], object]) -> None:
    """Have ``before`` and ``after`` called around the finalizers that the item has at this moment."""
    stack = cast("Any", item.session)._setupstate.stack
    if item in stack:
        finalizers = stack[item][0]  # run from last to first
        finalizers.append(before)
        finalizers.insert(0, after)


def caller(item: pytest.Item, runtest: Any) -> Callable[[], object]:
    """What ``runtest`` of the item does for an ordinary function, without hooks if only pytest implements them.

    They take longer than many a test. ``runtest`` itself where anything else has a part in the call.
    """
    from _pytest import python

    node = cast("Any", item)
    implementations = item.ihook.pytest_pyfunc_call.get_hookimpls()
    own = [each.function for each in implementations] == [python.pytest_pyfunc_call]
    if not own or getattr(runtest, "__func__", None) is not python.Function.runtest:
        return cast("Callable[[], object]", runtest)
    names = node._fixtureinfo.argnames

    def call() -> None:
        __tracebackhide__ = True
        values = node.funcargs
        result = node.obj(**{name: values[name] for name in names})
        if result is not None:  # pytest has to say something to that
            info = SimpleNamespace(argnames=())
            returned: Any = SimpleNamespace(obj=lambda: result, funcargs={}, _fixtureinfo=info, nodeid=item.nodeid)
            python.pytest_pyfunc_call(returned)

    return call


# --- fixtures


def active_fixtures(item: pytest.Item) -> dict[str, Any]:
    """The definitions of the fixtures that the item uses right now, by name."""
    request = getattr(item, "_request", None)
    return cast("dict[str, Any]", request._fixture_defs) if request else {}


def set_up_wider_fixtures(item: pytest.Item) -> None:
    """Set up the fixtures that outlive the item and that it names, in pytest's own order: widest scope first."""
    node = cast("Any", item)
    known = node._fixtureinfo.name2fixturedefs
    for name in node.fixturenames:
        definitions = known.get(name)
        if definitions and definitions[-1].scope != "function":
            node._request.getfixturevalue(name)


def fixture_value(item: pytest.Item, name: str) -> object | None:
    """The value of a fixture that the item uses; None when it doesn't."""
    definition = active_fixtures(item).get(name)
    cached = getattr(definition, "cached_result", None)
    return cached[0] if cached else None


def remember_failure(definition: Any, request: Any, error: BaseException) -> None:
    """Have the fixture torn down although its set-up was ended by an exception that pytest does not deal with."""
    definition.cached_result = (None, definition.cache_key(request), (error, error.__traceback__))


def drop_dead_finalizers(definition: Any, since: int) -> None:
    """Forget finalizers from position ``since`` on that belong to fixtures which are gone.

    Each set-up of a function-scoped fixture leaves one on every wider fixture that it requests.
    """
    finalizers: list[Callable[[], object]] = getattr(definition, "_finalizers", [])
    if len(finalizers) > since:
        finalizers[since:] = [finalizer for finalizer in finalizers[since:] if not _is_dead(finalizer)]


def _is_dead(finalizer: Callable[[], object]) -> bool:
    if not isinstance(finalizer, functools.partial):
        return False
    owner = getattr(finalizer.func, "__self__", None)
    return getattr(finalizer.func, "__name__", "") == "finish" and getattr(owner, "cached_result", finalizer) is None


# --- what piles up


def report_sections(item: pytest.Item) -> list[tuple[str, str, str]]:
    """The captured output that goes into the item's reports: (phase, kind, text)."""
    return cast("Any", item)._report_sections  # type: ignore[no-any-return]


def _stash_key(module: str, name: str) -> Any | None:
    """A stash key that a plugin of pytest keeps to itself; None when that plugin is not loaded."""
    return getattr(sys.modules.get(module), name, None)


def tmp_path_result_key() -> Any | None:
    """Where ``tmp_path`` looks up, and then deletes, the outcome of the phases so far (a dict) when it is torn down."""
    return _stash_key("_pytest.tmpdir", "tmppath_result_key")


def stored_errors(config: pytest.Config) -> list[deque[Any]]:
    """Where pytest keeps exceptions of threads and of ``__del__`` until it turns them into warnings."""
    keys = (
        _stash_key("_pytest.threadexception", "thread_exceptions"),
        _stash_key("_pytest.unraisableexception", "unraisable_exceptions"),
    )
    return [config.stash[key] for key in keys if key is not None and key in config.stash]


def log_records(item: pytest.Item) -> dict[str, list[Any]] | None:
    """The log records of each phase, as ``caplog.get_records`` shows them; None without the logging plugin."""
    key = _stash_key("_pytest.logging", "caplog_records_key")
    return None if key is None else item.stash.get(key, None)


def recorded_warnings() -> list[warnings.WarningMessage] | None:
    """The list that the innermost ``catch_warnings(record=True)`` appends to: here, pytest's for the running test."""
    found = getattr(getattr(warnings, "_showwarnmsg_impl", None), "__self__", None)
    return found if isinstance(found, list) else None


def forget_warnings_shown_once() -> None:
    """Let warnings that are shown once for each place be shown again, as at the start of every test."""
    for name in ("_filters_mutated", "_filters_mutated_lock_held"):  # the second since 3.14
        mutated = getattr(warnings, name, None)
        if mutated is not None:
            mutated()
            return


# --- reports


def text_as_failure(item: pytest.Item, failure: BaseException, text: str) -> Any:
    """A failure's representation that is ``text``, with the marker of errors before each line, and no traceback.

    It is made of pytest's own types: those can travel to another process, and the short summary finds its message.
    """
    from _pytest._code.code import ExceptionChainRepr, ReprEntry, ReprFileLocation, ReprTraceback

    path, line, _ = item.location
    crash = ReprFileLocation(path, (line or 0) + 1, text)
    place = ReprFileLocation(path, (line or 0) + 1, type(failure).__name__)
    entry = ReprEntry([f"E   {each}" for each in text.splitlines()], None, None, place, "long")
    return ExceptionChainRepr([(ReprTraceback([entry], None, "long"), crash, None)])


# --- debugger


@contextmanager
def debugger_start(around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Inside, what pytest does before a debugger's first prompt (``breakpoint()``) is wrapped by ``around``."""
    cls = getattr(sys.modules.get("_pytest.debugging"), "pytestPDB", None)
    start = getattr(cls, "_init_pdb", None)
    if cls is None or start is None:
        yield
        return
    original = vars(cls)["_init_pdb"]
    cls._init_pdb = around(start)
    try:
        yield
    finally:
        cls._init_pdb = original


# --- configuration


def ini_text(config: pytest.Config, name: str) -> object:
    """The value of an ini option as it was written, for a message."""
    raw = getattr(config, "_inicfg", None) or getattr(config, "inicfg", {})
    for override in config.getoption("override_ini", None) or ():
        key, _, value = str(override).partition("=")
        if key == name:
            return value
    written = raw.get(name)
    return getattr(written, "value", written)
