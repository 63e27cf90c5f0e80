"""Scope analysis of one file: which global and closure variables can matter to other threads."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from typing import Final

_BUILTINS: Final = frozenset(dir(builtins))
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Closure:
    """The variables of one function that functions inside it share.

    Stands for all calls of it: a frame doesn't show which of them a variable belongs to.
    """

    __slots__ = ("__weakref__", "function")

    def __init__(self, function: str) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"<variables of {self.function}>"


class _Scope:
    """A module, class, function or comprehension (which is no function: it runs where it stands)."""

    def __init__(self, kind: str, name: str, parent: _Scope | None) -> None:
        self.kind = kind
        self.name = name
        self.parent = parent
        self.bindings: Counter[str] = Counter()
        self.constant: set[str] = set()  # bound by def, class or import only
        self.loops: set[str] = set()  # bound inside a loop, or deleted
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.first_binding: dict[str, int] = {}
        self.captured: dict[str, int] = {}  # by an inner function: line of the first use
        self.rewritten: set[str] = set()  # by an inner function with nonlocal
        self.closure: Closure | None = None

    def bind(self, name: str, line: int, *, definition: bool = False, loop: bool = False) -> None:
        if self.bindings[name] == 0:
            self.first_binding[name] = line
            if definition:
                self.constant.add(name)
        elif not definition:
            self.constant.discard(name)
        self.bindings[name] += 1
        if loop:
            self.loops.add(name)

    def definer(self, name: str) -> _Scope | None:
        """The function whose variable ``name`` is, seen from here; None for globals."""
        scope: _Scope | None = self
        while scope is not None and scope.kind != "module":
            if name in scope.globals:
                return None
            if name in scope.bindings and name not in scope.nonlocals and (scope.kind != "class" or scope is self):
                return scope if scope.kind != "class" else None
            scope = scope.parent
        return None

    def runs_in(self, other: _Scope) -> bool:
        """Whether code here runs as part of ``other``: it is the same scope, or only comprehensions lie between."""
        scope: _Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.parent if scope.kind == "comprehension" else None
        return scope is not None

    def function(self) -> _Scope:
        """The innermost scope from here that is no comprehension."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope


class Variables:
    """What :func:`analyse` found out about one file."""

    def __init__(self, module: _Scope, scopes: dict[ast.Name, _Scope], declared: set[str]) -> None:
        self._scopes = scopes
        self._bound = module.bindings
        self._constant = module.constant - declared
        #: Attribute names that are mangled, with what they become.
        self.mangled: dict[ast.Attribute, str] = {}

    def global_matters(self, name: str) -> bool:
        """False for names that only ever stand for a function, class, module or builtin."""
        if name in self._bound:
            return name not in self._constant
        return name not in _BUILTINS and not name.startswith(("@py", "__"))

    def closure(self, node: ast.Name) -> Closure | None:
        """Whose variable ``node`` is, if inner functions share it and it is written after they could see it."""
        scope = self._scopes.get(node)
        name = node.id
        definer = scope.definer(name) if scope is not None else None
        if definer is None or name not in definer.captured:
            return None
        late = definer.captured[name] < definer.first_binding[name] and name not in definer.constant
        if definer.bindings[name] > 1 or name in definer.loops or name in definer.rewritten or late:
            if definer.closure is None:
                definer.closure = Closure(definer.name)
            return definer.closure
        return None


def analyse(tree: ast.Module) -> Variables:
    """Scope analysis of one parsed file."""
    walker = _Walker()
    module = _Scope("module", "<module>", None)
    walker.block(tree.body, module, "", False)
    declared = _declared_globals(walker.all, module)
    _mark_captured(walker)
    variables = Variables(module, walker.names, declared)
    variables.mangled = walker.mangled
    return variables


def _declared_globals(scopes: list[_Scope], module: _Scope) -> set[str]:
    """Names that functions bind as globals."""
    declared = {name for scope in scopes for name in scope.globals if name in scope.bindings}
    for name in declared:
        if name not in module.bindings:
            module.bind(name, 0)
    return declared


def _mark_captured(walker: _Walker) -> None:
    for node, scope in walker.names.items():
        definer = scope.definer(node.id)
        if definer is not None and not scope.runs_in(definer):
            definer.captured[node.id] = min(definer.captured.get(node.id, node.lineno), node.lineno)
            if not isinstance(node.ctx, ast.Load):
                definer.rewritten.add(node.id)
    for scope in walker.all:
        for name in scope.nonlocals & set(scope.bindings):
            definer = scope.definer(name)
            if definer is not None:
                definer.captured.setdefault(name, 0)
                definer.rewritten.add(name)


class _Walker:
    """Records, for each name, the scope that it stands in, and for each scope what it binds."""

    def __init__(self) -> None:
        self.names: dict[ast.Name, _Scope] = {}
        self.all: list[_Scope] = []
        self.mangled: dict[ast.Attribute, str] = {}

    def block(self, nodes: list[ast.stmt], scope: _Scope, owner: str, loop: bool) -> None:
        for node in nodes:
            self.visit(node, scope, owner, loop)

    def visit(self, node: ast.AST, scope: _Scope, owner: str, loop: bool) -> None:
        if isinstance(node, _DEFINITIONS):
            self._definition(node, scope, owner, loop)
        elif isinstance(node, ast.Lambda):
            inner = self._open("function", "<lambda>", scope)
            for part in self._parameters(node.args, inner, node.lineno):
                self.visit(part, scope, owner, loop)
            self.visit(node.body, inner, owner, False)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node, scope, owner, loop)
        elif isinstance(node, ast.NamedExpr):
            self.names[node.target] = scope.function()
            scope.function().bind(node.target.id, node.lineno, loop=loop or scope.kind == "comprehension")
            self.visit(node.value, scope, owner, loop)
        elif isinstance(node, ast.Name):
            self.names[node] = scope
            if not isinstance(node.ctx, ast.Load):
                scope.bind(node.id, node.lineno, loop=loop or isinstance(node.ctx, ast.Del))
        elif isinstance(node, ast.Global | ast.Nonlocal):
            (scope.globals if isinstance(node, ast.Global) else scope.nonlocals).update(node.names)
        else:
            self._binding(node, scope, loop)
            self._mangle(node, owner)
            self._children(node, scope, owner, loop or isinstance(node, ast.For | ast.AsyncFor | ast.While))

    def _mangle(self, node: ast.AST, owner: str) -> None:
        if not (isinstance(node, ast.Attribute) and owner.strip("_")):
            return
        if node.attr.startswith("__") and not node.attr.endswith("__"):
            self.mangled[node] = f"_{owner.lstrip('_')}{node.attr}"

    def _children(self, node: ast.AST, scope: _Scope, owner: str, loop: bool) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope, owner, loop)

    def _binding(self, node: ast.AST, scope: _Scope, loop: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name.split(".", 1)[0]
                scope.bind(name, node.lineno, definition=True, loop=loop and scope.kind == "function")
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            scope.bind(node.name, node.lineno, loop=loop)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            scope.bind(node.rest, node.lineno, loop=loop)

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: _Scope, owner: str, loop: bool
    ) -> None:
        scope.bind(node.name, node.lineno, definition=True, loop=loop)
        outside: list[ast.AST] = list(node.decorator_list)
        if isinstance(node, ast.ClassDef):
            inner = self._open("class", node.name, scope)
            outside += [*node.bases, *node.keywords]
            owner = node.name
        else:
            inner = self._open("function", node.name, scope)
            outside += self._parameters(node.args, inner, node.lineno)
            outside += [node.returns] if node.returns is not None else []
        for part in outside:
            self.visit(part, scope, owner if not isinstance(node, ast.ClassDef) else "", loop)
        self.block(node.body, inner, owner, False)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: _Scope, owner: str, loop: bool
    ) -> None:
        # A generator expression runs later, maybe in another thread: what it uses is captured.
        kind = "function" if isinstance(node, ast.GeneratorExp) else "comprehension"
        inner = self._open(kind, "<genexpr>" if kind == "function" else "", scope)
        self.visit(node.generators[0].iter, scope, owner, loop)
        for generator in node.generators:
            self.visit(generator.target, inner, owner, True)
            for part in generator.ifs:
                self.visit(part, inner, owner, True)
        for generator in node.generators[1:]:
            self.visit(generator.iter, inner, owner, True)
        for element in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(element, inner, owner, True)

    def _open(self, kind: str, name: str, parent: _Scope) -> _Scope:
        if kind == "comprehension":
            name = parent.name
        elif parent.name != "<module>":
            name = f"{parent.name}.{name}" if parent.kind == "class" else f"{parent.name}.<locals>.{name}"
        scope = _Scope(kind, name, parent)
        self.all.append(scope)
        return scope

    def _parameters(self, arguments: ast.arguments, inner: _Scope, line: int) -> list[ast.AST]:
        """Binds the parameters inside; returns what is evaluated outside (defaults, annotations)."""
        outside: list[ast.AST] = [*arguments.defaults, *(value for value in arguments.kw_defaults if value)]
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
        for argument in every:
            inner.bind(argument.arg, line)
            if argument.annotation is not None:
                outside.append(argument.annotation)
        return outside
