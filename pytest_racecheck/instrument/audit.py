"""What instrumented code calls that racecheck does not model: a proof must not rest on it.

Instrumentation sees what instrumented Python code does itself, and the calls into C that `effects` knows. Anything else
may touch what threads share. The audit is told of all calls that instrumented code makes while two threads can
conflict, and names those that leave the known world. It errs on the side of naming too many: that costs a proof,
nothing else.
"""

from __future__ import annotations

import abc
import builtins
import contextlib
import copy
import functools
import itertools
import os
import random
import sys
import threading
import types
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pytest_racecheck.engine import current, real
from pytest_racecheck.engine.operation import UNKNOWN
from pytest_racecheck.instrument import outsiders
from pytest_racecheck.instrument.attributes import find, is_a, one_of
from pytest_racecheck.instrument.calls import ATTRIBUTE_NAMES
from pytest_racecheck.instrument.containers import container_of, holds_containers
from pytest_racecheck.instrument.effects import EFFECTS, VIEWS, effect_of
from pytest_racecheck.instrument.registry import wanted
from pytest_racecheck.instrument.scope import in_library, is_runner
from pytest_racecheck.report.files import short_file

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from pytest_racecheck.instrument.scope import Scope

#: Modules of the standard library whose Python code either takes locks, which are modelled, or keeps no shared state.
_LIBRARY: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_TRUSTED: Final = frozenset(
    {
        *("threading", "queue", "contextlib", "types", "typing", "abc", "enum"),
        *("posixpath", "genericpath", "os", "pathlib", "bisect", "heapq", "operator", "traceback"),
        *("concurrent", "_collections_abc", "__future__", "numbers", "fractions", "decimal", "keyword"),
    }
)

#: They look at all threads, controlled or not: functions of `threading`, and what stands in for them.
_AT_ALL_THREADS: Final = frozenset({"enumerate", "active_count"})

#: What pytest's fixtures do to the process, or know of it.
_FIXTURES: Final = ("MonkeyPatch.", "CaptureFixture.", "LogCaptureFixture.", "WarningsRecorder.")

#: These look at what threads share, past what tells of that.
_UNTRUSTED: Final = frozenset(
    function.__code__
    for function in (
        *(os.getenv, os.getenvb, os.get_exec_path, os.path.expandvars, os.path.expanduser, contextlib.closing.__exit__),
        *(threading.Thread.getName, threading.Thread.setName, threading.Thread.isDaemon, threading.Thread.setDaemon),
        abc.ABCMeta.register,
    )
)

#: When an object goes is no operation of anyone; and what is drawn next depends on who drew before.
_UNTRUSTED_FILES: Final = frozenset({weakref.__file__, random.__file__})

#: Functions in C that touch nothing which could be shared, or what is told elsewhere.
_HARMLESS: Final = frozenset(
    {
        *("abs", "ascii", "bin", "callable", "chr", "divmod", "format", "hash", "hex", "id", "isinstance"),
        *("issubclass", "iter", "oct", "ord", "pow", "round", "print", "repr", "__build_class__", "__import__"),
        *ATTRIBUTE_NAMES,
    }
)
#: What in those does look at what it is given, or at a clock that nobody keeps.
_HARMFUL: Final = frozenset(
    {
        *("reduce", "fsum", "prod", "dist", "sumprod", "proxy"),
        *("getweakrefcount", "getweakrefs", "stack_size"),
        *("process_time", "process_time_ns", "thread_time", "thread_time_ns"),
    }
)
_HARMLESS_MODULES: Final = frozenset({"_thread", "math", "cmath", "time", "_abc", "_weakref", "_imp", "_functools"})
_HARMLESS_SYS: Final = frozenset({"_getframe", "exc_info", "getsizeof", "intern", "getrecursionlimit"})
_IN_C: Final = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)
#: Methods of what never changes that look at what is in their arguments.
_JOINING: Final = frozenset(
    {
        *("join", "format", "format_map", "translate", "maketrans", "fromkeys", "from_bytes"),
        *("union", "intersection", "difference", "symmetric_difference", "isdisjoint", "issubset", "issuperset"),
    }
)

_IN_PYTHON: Final = (types.FunctionType, staticmethod)

#: What these make of a container, or keep of it, is told where it is used.
_TAKEN_APART_ELSEWHERE: Final[frozenset[type]] = frozenset(
    {enumerate, zip, reversed, itertools.islice, functools.partial, type, super}
)

#: What they look into is not their first argument, or not that alone.
_TAKE_SEVERAL: Final[frozenset[type]] = frozenset(
    {
        *(itertools.chain, itertools.compress, itertools.dropwhile, itertools.filterfalse, itertools.product),
        *(itertools.starmap, itertools.takewhile, itertools.zip_longest),
    }
)

#: They look at what is in a container, and at what is in that.
_DEEP: Final = frozenset(
    map(
        id,
        (
            *(sum, sorted, min, max, any, all, str, repr, print, copy.deepcopy),
            *(vars(cls)[name] for cls in (list, deque) for name in ("index", "count", "remove")),
            vars(list)["sort"],
        ),
    )
)
_UNSEEN: Final = object()

#: What the interpreter calls where an object has gone, or an item is missing; neither touches what threads share.
_CALLED_BY_NOBODY: Final = frozenset({"WeakSet.__init__.<locals>._remove", "Counter.__missing__"})

#: Methods of a pool, whose threads may be older than the test.
_HANDING_OVER: Final = frozenset({"ThreadPoolExecutor.submit", "Executor.map"})

_IMMUTABLE: Final = (str, bytes, int, float, complex, bool, range, frozenset, type(None), BaseException)


class Audit:
    """What the runs of one item call. ``gaps`` are sentences, each with a place."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._wanted: dict[CodeType, bool] = {}
        self._known: dict[object, bool] = {}
        self._stdout = sys.stdout
        #: For interpreters that do not tell of all calls, nor what with: by the address of the frame, what it was about
        #: to call, and with which first argument. Gone when that was told of.
        self.expected: dict[int, tuple[object, object]] = {}
        self.gaps: set[str] = set()

    def is_wanted(self, code: CodeType) -> bool:
        """Whether ``code`` is instrumented."""
        known = self._wanted.get(code)
        if known is None:
            known = self._wanted[code] = wanted(code, self.scope)
        return known

    def called(self, caller: CodeType, line: int, function: object, first: object = _UNSEEN, *, is_told: bool) -> None:
        """``caller``, which is instrumented, calls ``function``. ``is_told``: what it does to a container is seen.

        ``first``: its first argument, where the interpreter tells.
        """
        is_hidden = is_a(function, functools.partial)
        if is_a(function, functools.partial):
            function, is_told, first = function.func, False, _UNSEEN
        if is_a(function, types.MethodType):
            first = function.__self__
            function = function.__func__
        elif is_a(function, types.GenericAlias):  # ``Queue[int]()``
            function = function.__origin__
        if _looks_inside(function, first):
            self._note(caller, line, f"{function.__name__} for what is in a container")  # type: ignore[attr-defined]
        elif is_a(function, types.FunctionType):
            self.entered(caller, line, function.__code__, first)
        elif is_a(function, _IN_C):
            self._called_in_c(caller, line, function, is_told, is_hidden)
        elif is_a(function, type):
            if is_hidden and effect_of(function) is not None:
                self._note(caller, line, function.__qualname__)
            self._made(caller, line, function)
        else:
            self._called_object(caller, line, function)

    def _made(self, caller: CodeType, line: int, cls: type) -> None:
        """``caller`` makes an object of ``cls``, which may take code in Python."""
        for owner, name in ((cls, "__new__"), (cls, "__init__"), (type(cls), "__call__")):
            function = find(owner, name)[0]
            function = function.__func__ if is_a(function, staticmethod) else function
            if is_a(function, types.FunctionType):
                self.entered(caller, line, function.__code__)

    def _called_object(self, caller: CodeType, line: int, called: object) -> None:
        # What calls for it is in Python, unless it is made in C, like what `lru_cache` makes.
        call = find(type(called), "__call__")[0]
        if is_a(call, types.FunctionType):
            self.entered(caller, line, call.__code__)
        else:
            self._note(caller, line, f"an object of type {type(called).__qualname__}")

    def silent(self, caller: CodeType, line: int, function: object, first: object) -> None:
        """The same for a call of code in Python, or of UNKNOWN, of which there is no event."""
        if function is UNKNOWN:
            self._note(caller, line, "something")
        else:
            self.called(caller, line, function, first, is_told=True)

    def called_outside(self, caller: CodeType, line: int, function: object) -> None:
        """A thread that does not hold the baton calls ``function``."""
        ident = real.get_ident()
        called = getattr(function, "__code__", None)
        if ident not in current.strays and (self.scope.wants(caller) or (called and self.scope.wants(called))):
            self.gaps.update(outsiders.gap(ident, caller, line))

    def untold(self, caller: CodeType, line: int, function: object, first: object, *, is_told: bool) -> None:
        """``caller`` has called ``function`` (UNKNOWN: something), of which the interpreter did not tell."""
        if function is UNKNOWN:
            self._note(caller, line, "something")
        elif not is_a(function, (types.FunctionType, types.MethodType)):
            self.called(caller, line, function, first, is_told=is_told)

    def _called_in_c(self, caller: CodeType, line: int, function: Any, is_told: bool, is_hidden: bool) -> None:
        known = self._known.get(function)
        if known is None:
            known = _is_known(function)
            if not is_a(function, types.BuiltinMethodType):
                self._known[function] = known  # hashes by address
        # What is called by another name than its own is not looked for where that happens.
        if known and (is_hidden or function.__name__ not in caller.co_names):
            known = not _is_attribute(function) and (is_told or not _has_effect(function))
        if not known or (function is print and self._is_output_seen(caller)):
            self._note(caller, line, function.__qualname__)

    def _is_output_seen(self, caller: CodeType) -> bool:
        """Whether the test may look at what ``caller`` prints: in a stream of its own, or by way of `capsys`."""
        names = [each for each in caller.co_consts if type(each) is tuple]  # of keyword arguments, among others
        return sys.stdout is not self._stdout or any("file" in each for each in names)

    def entered(self, caller: CodeType, line: int, code: CodeType, first: object = _UNSEEN) -> None:
        """``caller``, which is instrumented, calls a function in Python."""
        if code is copy.deepcopy.__code__ and holds_containers(first):
            self._note(caller, line, code.co_qualname)
        if code.co_qualname in _HANDING_OVER and outsiders.work_for(first):
            self.gaps.add(f"{_place(caller, line)} hands work to a thread that is not controlled")
        known = self._known.get(code)
        if known is None:
            known = self._known[code] = self._is_trusted(code)
        if not known:
            self._note(caller, line, code.co_qualname)

    def imported(self, frame: FrameType) -> None:
        """A module is imported, in ``frame``. The next thread that imports it does nothing, which nobody is told of."""
        thread = current.thread
        if thread is not None and current.concurrent and not thread.quiet and thread.ident == real.get_ident():
            self.gaps.add(f"{frame.f_globals.get('__name__')} is imported while others run; the next to do so finds it")

    def _note(self, caller: CodeType, line: int, name: str) -> None:
        self.gaps.add(f"{_place(caller, line)} calls {name}, which racecheck can't see into")

    def _is_trusted(self, code: CodeType) -> bool:
        file = code.co_filename
        if code.co_qualname in _CALLED_BY_NOBODY and in_library(file):
            return True
        if code in _UNTRUSTED or file in _UNTRUSTED_FILES or "ExitStack." in code.co_qualname:
            return False
        if self.is_wanted(code):
            return True
        if not file.startswith(_LIBRARY):
            # racecheck's own stand-ins, pytest, and code that is frozen: the machinery of import.
            return (is_runner(file) and not _looks_around(code)) or file.startswith("<frozen")
        top = file[len(_LIBRARY) :].split(os.sep, 1)[0].removesuffix(".py")
        return top in _TRUSTED or _is_effect(code)


def _looks_around(code: CodeType) -> bool:
    """Whether a function of racecheck or pytest looks at, or changes, what threads share."""
    name = code.co_qualname
    return name in _AT_ALL_THREADS or name.startswith(_FIXTURES)


def _place(code: CodeType, line: int) -> str:
    return f"{short_file(code.co_filename)}:{line}"


def _looks_inside(function: object, first: object) -> bool:
    """Whether a function looks at what the items of its first argument hold, or calls what may be in C.

    Only the container as such is told of. Compares by identity: these may be objects with an ``__eq__`` of the user.
    """
    if function is map or function is filter:
        return not (first is None or type(first) in (types.FunctionType, type))
    if is_a(function, type) and _is_made_in_c(function):
        if one_of(function, _TAKE_SEVERAL):
            return True
        if function.__module__ == "itertools" and find(type(first), "__next__")[1] >= 0:
            return True
        return _is_container(first) and not one_of(function, _TAKEN_APART_ELSEWHERE)
    if id(function) not in _DEEP:
        return False
    return holds_containers(first)


def _is_container(value: object) -> bool:
    return container_of(value) is not None


def _is_made_in_c(cls: type) -> bool:
    """Whether what becomes of the arguments of ``cls(...)`` is decided in C, and known of nothing but their place."""
    if effect_of(cls) is not None or issubclass(cls, BaseException):
        return False
    return not any(is_a(find(cls, name)[0], _IN_PYTHON) for name in ("__init__", "__new__"))


def _is_attribute(function: Any) -> bool:
    """Whether it is ``setattr`` or its like, which is told where it is called by its name."""
    return function.__name__ in ATTRIBUTE_NAMES and function.__module__ == builtins.__name__


def _has_effect(function: Any) -> bool:
    """Whether a function in C, which is known, reads or changes a container."""
    receiver = getattr(function, "__self__", None)
    if receiver is not None and not is_a(receiver, types.ModuleType):
        function = next(
            (vars(each)[function.__name__] for each in type(receiver).__mro__ if function.__name__ in vars(each)), None
        )
    return effect_of(function) is not None


def _is_effect(code: CodeType) -> bool:
    """Whether a function in Python is one of those that count as one step, like ``Counter.update``."""
    return any(getattr(function, "__code__", None) is code for function in EFFECTS)


def _is_known(function: Any) -> bool:
    """Whether what a function in C does is modelled or can't matter."""
    if function.__name__ == "__init__" and getattr(function, "__objclass__", None) is object:
        return True
    receiver = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None)
    if receiver is None or is_a(receiver, types.ModuleType):
        if effect_of(function) is not None or (module in _HARMLESS_MODULES and function.__name__ not in _HARMFUL):
            return True
        owner = getattr(function, "__objclass__", None)
        if owner is not None:  # a method of a type, called with the receiver in front
            is_view = function.__name__ in VIEWS and issubclass(owner, dict)
            return is_view or (issubclass(owner, _IMMUTABLE) and function.__name__ not in _JOINING)
        if module == builtins.__name__:
            return function.__name__ in _HARMLESS
        return module == "sys" and function.__name__ in _HARMLESS_SYS
    if is_a(receiver, type):
        return function.__name__ in ("__new__", "fromhex", "__subclasshook__")
    if is_a(receiver, _IMMUTABLE):
        return function.__name__ not in _JOINING
    name = function.__name__
    if name in VIEWS and is_a(receiver, dict):
        return True
    descriptor = next((vars(base)[name] for base in type(receiver).__mro__ if name in vars(base)), None)
    return descriptor is not None and effect_of(descriptor) is not None
