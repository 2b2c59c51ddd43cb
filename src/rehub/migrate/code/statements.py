"""Interpret statements, in order: loops twice, and branches join."""

from __future__ import annotations

from typing import Iterable, Sequence

import libcst as cst

from rehub.migrate.code.calls import CallInterpreter
from rehub.migrate.code.expressions import names_in
from rehub.migrate.code.scopes import api_path, bound_names, dotted_name, known_package
from rehub.migrate.code.store import Cell, Definition, Scope
from rehub.migrate.code.values import (
    Api,
    Class,
    Function,
    Initializer,
    Instance,
    Items,
    Plain,
    Session,
    Tensor,
    Value,
    is_ordinary,
    iter_parts,
    sources_of,
    tensorflow_path,
)


class StatementInterpreter(CallInterpreter):
    """Interprets statements. What a function does when it is called, a subclass knows."""

    def __init__(self, skipped: Iterable[cst.CSTNode] = ()) -> None:
        super().__init__()
        self.skipped = frozenset(skipped)
        self.targets: dict[cst.BaseExpression, cst.BaseExpression] = {}
        self.returned: list[list[Value]] = []
        self.ordinary_functions: list[tuple[Function, Instance | None]] = []

    def execute_block(self, statements: Sequence[cst.CSTNode]) -> bool:
        """Interpret statements in order."""
        return all(self.execute(statement) for statement in statements)

    def execute(self, statement: cst.CSTNode) -> bool:
        """Interpret a statement."""
        if statement in self.skipped:
            return True
        self.record.scope_of[statement] = self.scope.node
        method = getattr(self, "execute_" + type(statement).__name__, None)
        if method is None:
            self.evaluate_other(statement)
            return True
        return bool(method(statement))

    def execute_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> bool:
        return self.execute_block(node.body)

    def execute_IndentedBlock(self, node: cst.IndentedBlock) -> bool:
        return self.execute_block(node.body)

    def execute_SimpleStatementSuite(self, node: cst.SimpleStatementSuite) -> bool:
        return self.execute_block(node.body)

    def execute_Expr(self, node: cst.Expr) -> bool:
        self.evaluate(node.value)
        return True

    def execute_Pass(self, _: cst.Pass) -> bool:
        return True

    def execute_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            path = dotted_name(alias.name)
            self.note_compat(alias, path)
            root = path.split(".")[0]
            value: Value = Api(api_path(path if alias.asname else root)) if known_package(path) else Plain()
            name = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else root
            self.store.cells[self.cell_of(name)] = value
        return True

    def execute_ImportFrom(self, node: cst.ImportFrom) -> bool:
        path = dotted_name(node.module) if node.module is not None and not node.relative else ""
        if isinstance(node.names, cst.ImportStar):
            if known_package(path):
                self.block(node, "RH001", f"`from {path} import *` hides which names are meant")
            return True
        for alias in node.names:
            imported = dotted_name(alias.name)
            self.note_compat(alias, f"{path}.{imported}")
            value: Value = Api(api_path(f"{path}.{imported}")) if known_package(path) else Plain()
            name = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else imported
            self.store.cells[self.cell_of(name)] = value
        return True

    def note_compat(self, alias: cst.ImportAlias, path: str) -> None:
        """Remember an import of tensorflow.compat.v1."""
        if path == "tensorflow.compat.v1":
            self.record.is_compat = True
            self.record.compat_import = self.record.compat_import or alias

    def unpacked_into(self, node: cst.Call) -> list[str]:
        target = self.targets.get(node)
        names = names_in(target) if isinstance(target, cst.Tuple) else []
        return names if isinstance(target, cst.Tuple) and len(names) == len(target.elements) else []

    def execute_Assign(self, node: cst.Assign) -> bool:
        self.targets[node.value] = node.targets[0].target
        value = self.evaluate(node.value)
        targets: list[cst.BaseExpression] = [target.target for target in node.targets]
        self.assign(node, targets, node.value, value)
        return True

    def execute_AnnAssign(self, node: cst.AnnAssign) -> bool:
        if node.value is not None:
            self.assign(node, [node.target], node.value, self.evaluate(node.value))
        return True

    def assign(
        self, node: cst.CSTNode, targets: list[cst.BaseExpression], expression: cst.BaseExpression, value: Value
    ) -> None:
        """Bind targets; a deferred expression becomes a definition."""
        if any(is_deferred_expression(part) for part in iter_parts(value)):
            sources = sources_of(value)
            self.record.definitions[node] = Definition(node, targets, expression, self.scope.node, sources)
            value = define(value, node)
        for target in targets:
            self.bind(target, value)

    def execute_AugAssign(self, node: cst.AugAssign) -> bool:
        value = self.compute(node, self.evaluate(node.target), self.evaluate(node.value))
        if isinstance(value, Tensor) and value.is_deferred:
            self.record.definitions[node] = Definition(node, [node.target], node.value, self.scope.node, value.sources)
            value = define(value, node)
        self.bind(node.target, value)
        return True

    def bind(self, target: cst.BaseExpression, value: Value) -> None:
        self.record.note(target, value)
        if isinstance(target, cst.Name):
            self.store.cells[self.cell_of(target.value)] = value
        elif isinstance(target, (cst.Tuple, cst.List)):
            self.bind_elements(target, value)
        elif isinstance(target, cst.Attribute):
            owner = self.evaluate(target.value)
            if isinstance(owner, (Instance, Class)):
                self.store.cells[(owner.node, target.attr.value)] = value
                if not is_ordinary(value):
                    self.record.attributes[target.attr.value] = value
            elif is_ordinary(owner):
                self.require_ordinary(target, value, "kept in an attribute")
        elif isinstance(target, cst.Subscript):
            self.bind_item(target, value)
        elif isinstance(target, cst.StarredElement):
            self.bind(target.value, Plain())

    def bind_elements(self, target: cst.Tuple | cst.List, value: Value) -> None:
        """Unpack a value into targets."""
        count = len(target.elements)
        items: Sequence[Value] = [Plain()] * count
        if isinstance(value, Items) and len(value.items) == count:
            items = value.items
        elif isinstance(value, Tensor):
            form = "" if value.form in {"", "list", "tuple"} else value.form
            items = [Tensor(value.sources, value.definition, form, value.is_static)] * count
        else:
            self.require_ordinary(target, value, "unpacked")
        for element, item in zip(target.elements, items):
            self.bind(element.value, item)

    def bind_item(self, target: cst.Subscript, value: Value) -> None:
        """Bind an item of a dict or list: the dict is not known entry by entry from here on."""
        owner = self.evaluate(target.value)
        self.evaluate(target)
        if not is_ordinary(owner):
            self.block(target, "RH103", "an item of a dict or list with parts of a graph is assigned")
        self.require_ordinary(target, value, "kept in a dict or list")
        if isinstance(target.value, cst.Name):
            self.bind(target.value, Plain())

    def execute_Global(self, node: cst.Global) -> bool:
        self.scope.global_names.update(item.name.value for item in node.names)
        return True

    def execute_Nonlocal(self, node: cst.Nonlocal) -> bool:
        self.scope.nonlocal_names.update(item.name.value for item in node.names)
        return True

    def execute_Del(self, node: cst.Del) -> bool:
        self.evaluate(node.target)
        return True

    def execute_Return(self, node: cst.Return) -> bool:
        if self.returned:
            value = self.evaluate(node.value) if node.value is not None else Plain(None)
            self.returned[-1].append(value)
        return False

    def execute_Raise(self, node: cst.Raise) -> bool:
        if node.exc is not None:
            self.require_ordinary(node.exc, self.evaluate(node.exc), "raised")
        return False

    def execute_Break(self, _: cst.Break) -> bool:
        return False

    def execute_Continue(self, _: cst.Continue) -> bool:
        return False

    def execute_If(self, node: cst.If) -> bool:
        self.require_testable(node.test, self.evaluate(node.test))
        before = self.store.branch()
        goes_on = self.execute(node.body)
        after = self.store.branch()
        self.store.cells = before
        orelse = node.orelse
        other = self.execute(orelse) if isinstance(orelse, cst.If) else True
        if isinstance(orelse, cst.Else):
            other = self.execute(orelse.body)
        self.join_branches(after, goes_on, other)
        return goes_on or other

    def join_branches(self, after: dict[Cell, Value], goes_on: bool, other: bool) -> None:
        """Go on with what holds after two branches of which this store is the second."""
        if goes_on and other:
            self.store.join_with(after)
        elif goes_on:
            self.store.cells = after

    def execute_For(self, node: cst.For) -> bool:
        iterated = self.evaluate(node.iter)
        before = self.store.branch()
        for _ in range(2):
            self.bind(node.target, self.item_of(node.iter, iterated))
            self.execute(node.body)
            self.store.join_with(before)
        if node.orelse is not None:
            self.execute(node.orelse.body)
        return True

    def execute_While(self, node: cst.While) -> bool:
        before = self.store.branch()
        for _ in range(2):
            self.require_testable(node.test, self.evaluate(node.test))
            self.execute(node.body)
            self.store.join_with(before)
        if node.orelse is not None:
            self.execute(node.orelse.body)
        return True

    def execute_With(self, node: cst.With) -> bool:
        for item in node.items:
            value = self.evaluate_context(item.item)
            if item.asname is not None:
                self.bind(item.asname.name, value)
        return self.execute(node.body)

    def evaluate_context(self, node: cst.BaseExpression) -> Value:
        """Return what `with` binds: scopes of variables and names are nothing in eager mode."""
        if isinstance(node, cst.Call):
            function = self.evaluate(node.func)
            name = tensorflow_path(function)
            if name in {"variable_scope", "name_scope"}:
                for argument in node.args:
                    self.require_ordinary(argument.value, self.evaluate(argument.value), "in a scope")
                self.record.note(node, Initializer())
                return Initializer()
        return self.evaluate(node)

    def execute_Try(self, node: cst.Try) -> bool:
        before = self.store.branch()
        goes_on = self.execute(node.body)
        if goes_on and node.orelse is not None:
            goes_on = self.execute(node.orelse.body)
        for handler in node.handlers:
            after = self.store.branch()
            self.store.join_with(before)
            if handler.type is not None:
                self.evaluate(handler.type)
            other = self.execute(handler.body)
            self.join_branches(after, goes_on, other)
            goes_on = goes_on or other
        if node.finalbody is not None:
            goes_on = self.execute(node.finalbody.body) and goes_on
        return goes_on

    def execute_FunctionDef(self, node: cst.FunctionDef) -> bool:
        for decorator in node.decorators:
            self.require_ordinary(decorator.decorator, self.evaluate(decorator.decorator), "a decorator")
        for parameter in [*node.params.params, *node.params.kwonly_params]:
            if parameter.default is not None:
                default = self.evaluate(parameter.default)
                if not isinstance(default, Session):  # Such a parameter goes.
                    self.require_ordinary(parameter.default, default, "a default")
        self.scope.has_functions = True
        function = Function(node, self.scope.number)
        instance = self.scope.self_value if isinstance(self.scope.self_value, Instance) else None
        if instance is None:
            self.bind(node.name, function)
        self.ordinary_functions.append((function, instance))
        return True

    def execute_ClassDef(self, node: cst.ClassDef) -> bool:
        for base in node.bases:
            if isinstance(self.evaluate(base.value), Class):
                self.record.derived.add(node)
        self.bind(node.name, Class(node, self.scope.number))
        outer = self.scope
        self.scope = Scope(len(self.scopes), outer.number, node, self_value=Instance(node, outer.number))
        self.scopes.append(self.scope)
        self.scope.local_names = frozenset(
            name for statement in node.body.body for name in bound_names(statement, into_functions=False)
        )
        self.execute_block(node.body.body)
        for name in self.scope.local_names:
            value = self.store.cells.get((self.scope.number, name))
            if value is not None:
                self.store.cells.setdefault((node, name), value)
        self.scope = outer
        return True


def is_deferred_expression(value: Value) -> bool:
    """Tell whether a value is a deferred tensor that no statement holds yet."""
    return isinstance(value, Tensor) and value.is_deferred and value.definition is None


def define(value: Value, statement: cst.CSTNode) -> Value:
    """Return a value whose deferred tensors are held by a statement."""
    if isinstance(value, Items):
        return Items(tuple(define(item, statement) for item in value.items), value.is_tuple)
    if is_deferred_expression(value) and isinstance(value, Tensor):
        return Tensor(value.sources, statement, value.form, value.is_static)
    return value
