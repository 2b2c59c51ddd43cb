"""What a rewriting is going to change: edits, findings, and why it cannot be done, over one interpreted program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

import libcst as cst

from rehub.migrate.code.edits import Edits
from rehub.migrate.code.expressions import names_in
from rehub.migrate.code.store import Blocker, Record
from rehub.migrate.code.trees import children_of
from rehub.migrate.code.values import (
    UNKNOWN,
    Config,
    DataIterator,
    Entries,
    Graph,
    Initializer,
    Items,
    Mixed,
    Plain,
    Session,
    SparsePlaceholder,
    Tensor,
    TrainOp,
    Value,
)

_VANISHING = (Session, Graph, Config, Initializer, SparsePlaceholder, DataIterator, TrainOp)


@dataclass(frozen=True)
class Change:
    """An edit that the report names."""

    node: cst.CSTNode
    rule: str
    kind: str
    message: str


class Plan:
    """Collects edits over a program."""

    def __init__(self, module: cst.Module, record: Record) -> None:
        self.module = module
        self.record = record
        self.edits = Edits()
        self.changes: list[Change] = []
        self.blockers: list[Blocker] = list(record.blockers.values())
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.position: dict[cst.CSTNode, int] = {}
        self.names: set[str] = set()
        # Where each name is bound, anywhere in the program.
        self.bindings: dict[str, list[cst.CSTNode]] = {}
        self.attribute_bindings: dict[str, list[cst.CSTNode]] = {}
        self.global_names: set[str] = set()
        # Leaves that stay where they are, as functions.
        self.functions: set[cst.CSTNode] = set()
        # Parameters that get a placeholder and stay: they get the tensor itself.
        self.kept_parameters: set[cst.Param] = set()
        # Where a session is made that a condition asks for: it may be made again.
        self.remade_sessions: list[cst.CSTNode] = []
        # Calls of `hub.Module` in functions that are called in each run now.
        self.repeated_loads: list[cst.Call] = []
        # What the new program calls TensorFlow 1's hard sigmoid; "" if it needs none.
        self.hard_sigmoid = ""
        self._index_nodes(module)

    def _index_nodes(self, node: cst.CSTNode) -> None:
        stack: list[cst.CSTNode] = [node]
        while stack:
            current = stack.pop()
            self.position[current] = len(self.position)
            if isinstance(current, cst.Name) and not self._is_word(current):
                self.names.add(current.value)
            if isinstance(current, (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For)):
                for name in names_in(current.target):
                    self.bindings.setdefault(name, []).append(current)
                if isinstance(current.target, cst.Attribute):
                    self.attribute_bindings.setdefault(current.target.attr.value, []).append(current)
            if isinstance(current, (cst.Global, cst.Nonlocal)):
                self.global_names.update(item.name.value for item in current.names)
            for child in reversed(children_of(current)):
                self.parents[child] = current
                stack.append(child)

    def _is_word(self, node: cst.Name) -> bool:
        """Tell whether a name is that of an attribute or of an argument."""
        parent = self.parents.get(node)
        return (isinstance(parent, cst.Attribute) and parent.attr is node) or (
            isinstance(parent, cst.Arg) and parent.keyword is node
        )

    def block(self, node: cst.CSTNode, rule: str, message: str) -> None:
        """Remember why the program cannot be rewritten."""
        self.blockers.append(Blocker(node, rule, message))

    def change(self, node: cst.CSTNode, rule: str, kind: str, message: str) -> None:
        """Remember an edit for the report."""
        self.changes.append(Change(node, rule, kind, message))

    def fact(self, node: cst.CSTNode | None) -> Value | None:
        """Return what an expression is."""
        return self.record.facts.get(node) if node is not None else None

    def constant(self, node: cst.CSTNode | None, default: object = UNKNOWN) -> object:
        """Return the constant that an argument is; a default where it is not given."""
        value = self.fact(node)
        return default if node is None else value.constant if isinstance(value, Plain) else UNKNOWN

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield what a node is in, inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def statement_of(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the statement line, or compound statement, that an expression is in."""
        if isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            return node
        return next(
            (a for a in self.ancestors(node) if isinstance(a, (cst.SimpleStatementLine, cst.BaseCompoundStatement))),
            node,
        )

    def scope_of(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the function that a node is in; None for the module."""
        return next((a for a in self.ancestors(node) if isinstance(a, (cst.FunctionDef, cst.Lambda))), None)

    def unused_name(self, wanted: str) -> str:
        """Return a name that the program does not have, like the one that is wanted."""
        name, number = wanted, 2
        while name in self.names:
            name, number = f"{wanted}_{number}", number + 1
        self.names.add(name)
        return name

    def package_name(self, path: str) -> str:
        """Return what the module calls a package: `tf` for tensorflow; "" if it is not imported at the top."""
        for node in self.module.body:
            if isinstance(node, cst.SimpleStatementLine):
                for statement in node.body:
                    if isinstance(statement, cst.Import):
                        for alias in statement.names:
                            name = cst.Module([]).code_for_node(alias.name)
                            if name == path:
                                asname = alias.asname.name if alias.asname else None
                                return asname.value if isinstance(asname, cst.Name) else name
        return ""


def vanishes(value: Value | None) -> bool:
    """Tell whether a value has no place in eager mode: a session, a placeholder, an initializer."""
    if isinstance(value, Items):
        return bool(value.items) and all(map(vanishes, value.items))
    if isinstance(value, Mixed):
        return all(map(vanishes, value.options))
    if isinstance(value, Entries):
        return bool(value.entries) and all(vanishes(item) for _, item in value.entries)
    return isinstance(value, _VANISHING) or (isinstance(value, Tensor) and value.is_input and not value.is_described)


def is_leaf(value: Value | None) -> bool:
    """Tell whether an expression is the name of a deferred tensor."""
    return isinstance(value, Tensor) and value.is_deferred and value.definition is not None


def is_parametric(value: Value | None) -> bool:
    """Tell whether an expression is a deferred tensor that came through a parameter."""
    return isinstance(value, Tensor) and isinstance(value.definition, cst.Param)
