"""Which imported name each expression of a program means.

A program's `hub` is TensorFlow Hub only where it is bound by an import of it: paddlehub and torch.hub have a
`hub.Module`, too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Iterator, Union

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_SAME = {"tensorflow.compat.v1": "tensorflow", "tensorflow.compat.v2": "tensorflow", "rehub": "tensorflow_hub"}


@dataclass
class _Scope:
    """The names that a module, class or function binds: to an import, to an expression, or to what is not known."""

    parent: _Scope | None
    is_class: bool = False
    names: dict[str, str | ast.expr | None] = field(default_factory=dict)

    def bind(self, name: str, value: str | ast.expr | None) -> None:
        # `try: import x` and `except ImportError: x = None` bind one name twice: the import counts.
        if isinstance(self.names.get(name), str):
            return
        self.names[name] = value if isinstance(value, str) or name not in self.names else None


class ImportedNames:
    """The imported names of a program.

    Attributes:
        tree: the program.
        nodes: all its nodes, in the order of the text.
        parents: the node around each node.
        uses: every use of an imported name, as its full name and the longest expression that means it.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.nodes: list[ast.AST] = []
        self.parents: dict[ast.AST, ast.AST] = {}
        self._scopes: dict[ast.AST, _Scope] = {}
        self._bind_all(tree, _Scope(None))
        self.uses = tuple(self._iter_uses())

    def resolve_name(self, node: ast.AST, depth: int = 10) -> str:
        """Return the full name of what a name or an attribute means, such as "tensorflow_hub.Module".

        The names of `tensorflow.compat.v1` are given as those of `tensorflow`, and rehub's as those of tensorflow_hub.

        Returns:
            The name; "" for what is not imported.
        """
        if isinstance(node, ast.Attribute):
            base = self.resolve_name(node.value, depth)
            return _canonical_name(f"{base}.{node.attr}") if base else ""
        if not isinstance(node, ast.Name) or depth == 0:
            return ""
        bound = self._look_up_name(node)
        if isinstance(bound, ast.expr):
            return self.resolve_name(bound, depth - 1)
        return bound or ""

    def _iter_uses(self) -> Iterator[tuple[str, ast.expr]]:
        for node in self.nodes:
            if not isinstance(node, (ast.Name, ast.Attribute)) or isinstance(self.parents.get(node), ast.Attribute):
                continue
            name = self.resolve_name(node)
            if "." in name and isinstance(node.ctx, ast.Load):
                yield name, node

    def resolve_value(self, node: ast.expr) -> ast.expr:
        """Return the expression that a name is bound to, where there is one; else the node itself."""
        for _ in range(10):
            bound = self._look_up_name(node) if isinstance(node, ast.Name) else None
            if not isinstance(bound, ast.expr):
                break
            node = bound
        return node

    def find_function(self, node: ast.AST) -> FunctionNode | None:
        """Return the function that a node is in."""
        outer = self.parents.get(node)
        while outer is not None and not isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)):
            outer = self.parents.get(outer)
        return outer

    def _look_up_name(self, node: ast.Name) -> str | ast.expr | None:
        scope: _Scope | None = self._scopes.get(node)
        is_own = True
        while scope is not None:
            if node.id in scope.names and (is_own or not scope.is_class):
                bound = scope.names[node.id]
                return None if bound is node else bound
            scope, is_own = scope.parent, False
        return None

    def _bind_all(self, root: ast.AST, scope: _Scope) -> None:
        # With a stack: the text of a program can nest deeper than Python recurses.
        stack = [(root, scope)]
        while stack:
            node, scope = stack.pop()
            self.nodes.append(node)
            self._bind_name(node, scope)
            inner = scope
            if isinstance(node, _FUNCTIONS):
                inner = _Scope(scope)
                _bind_arguments(node.args, inner)
            elif isinstance(node, ast.ClassDef):
                inner = _Scope(scope, is_class=True)
            children = list(ast.iter_child_nodes(node))
            for child in children:
                self.parents[child] = node
            stack += [(child, inner) for child in reversed(children)]

    def _bind_name(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, ast.Name):
            self._scopes[node] = scope
            if isinstance(node.ctx, ast.Store):
                parent = self.parents.get(node)
                is_plain = isinstance(parent, ast.Assign) and node in parent.targets
                scope.bind(node.id, parent.value if is_plain else None)  # type: ignore[union-attr]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or name, _canonical_name(name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                scope.bind(alias.asname or alias.name, _canonical_name(f"{node.module}.{alias.name}"))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            scope.bind(node.name, None)


def _bind_arguments(arguments: ast.arguments, scope: _Scope) -> None:
    """Bind each argument to its default: what it is unless the caller says otherwise."""
    positional = [*getattr(arguments, "posonlyargs", []), *arguments.args]
    defaults = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
    for argument, default in [*zip(positional, defaults), *zip(arguments.kwonlyargs, arguments.kw_defaults)]:
        scope.bind(argument.arg, default)
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            scope.bind(rest.arg, None)


def _canonical_name(name: str) -> str:
    for prefix, same in _SAME.items():
        if name == prefix or name.startswith(f"{prefix}."):
            return same + name[len(prefix) :]
    return name
