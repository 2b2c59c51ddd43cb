"""Interpret a program statement by statement: what each name holds where, and what runs which tensors.

An abstract interpreter: functions are interpreted at each call, with what they are given; loops twice; branches join.
What no call in the program reaches is interpreted last, as if other code called it with ordinary values.
"""

from __future__ import annotations

import functools
from typing import Iterable, Sequence

import libcst as cst

from rehub.migrate.code.calls import CallInterpreter
from rehub.migrate.code.expressions import names_in
from rehub.migrate.code.store import Cell, Definition, Record, Scope, bind_parameter
from rehub.migrate.code.trees import children_of
from rehub.migrate.code.values import (
    Api,
    Class,
    Function,
    Initializer,
    Instance,
    Items,
    Plain,
    Tensor,
    Value,
    is_ordinary,
    iter_parts,
    join,
    sources_of,
)

_PACKAGES = ("tensorflow", "tensorflow_hub", "keras", "tensorflow_core")
_MAX_CALLS = 3000


class Interpreter(CallInterpreter):
    """Interprets a whole program and fills `record`."""

    def __init__(self, module: cst.Module, *, is_training: bool, skipped: Iterable[cst.CSTNode] = ()) -> None:
        super().__init__()
        self.skipped = frozenset(skipped)
        self.module = module
        self.is_training = is_training
        self.targets: dict[cst.BaseExpression, cst.BaseExpression] = {}
        self.active: list[cst.CSTNode] = []
        self.returned: list[list[Value]] = []
        self.calls_made = 0
        self.ordinary_functions: list[tuple[Function, Instance | None]] = []

    def run(self) -> Record:
        """Interpret the module, then twice what nothing in it calls.

        Twice, because a later function may fill what an earlier one reads.
        """
        self.execute_block(self.module.body)
        for _ in range(2):
            before = dict(self.record.blockers)
            for function, instance in list(self.ordinary_functions):
                if function.node not in self.record.calls or function.node in self.record.escaped:
                    self.run_entry(function, instance)
            if _ == 0:
                self.record.blockers = before
        return self.record

    def add_function(self, function: Function) -> None:
        if all(known.node is not function.node for known, _ in self.ordinary_functions):
            self.ordinary_functions.append((function, None))

    def enter_property(self, owner: Instance, method: cst.FunctionDef) -> Value:
        self.record.calls.setdefault(method, set())
        return self.enter(Function(method, owner.scope), [owner], [])

    def run_entry(self, function: Function, instance: Instance | None) -> None:
        """Interpret a function as other code calls it."""
        values: list[Value] = [instance] if instance is not None else []
        is_layer = instance is not None and self.is_keras_class(instance.node)
        name = function.node.name.value if isinstance(function.node, cst.FunctionDef) else "lambda"
        if is_layer and name == "call":
            values += [Tensor() for _ in function.node.params.params[1:2]]
        result = self.enter(function, values, [])
        if not is_ordinary(result) and not is_layer:
            place = function.node.name if isinstance(function.node, cst.FunctionDef) else function.node
            self.block(place, "RH309", f"`{name}` returns a tensor of a graph to unknown callers")

    # Statements. Each returns whether the next one is reached.

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
            self.record.is_compat |= path == "tensorflow.compat.v1"
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
            self.record.is_compat |= f"{path}.{imported}" == "tensorflow.compat.v1"
            value: Value = Api(api_path(f"{path}.{imported}")) if known_package(path) else Plain()
            name = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else imported
            self.store.cells[self.cell_of(name)] = value
        return True

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
            if isinstance(owner, Instance):
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
            form = "" if value.form in {"", "list"} else value.form
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
        self.require_ordinary(node.test, self.evaluate(node.test), "tested")
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
            self.require_ordinary(node.test, self.evaluate(node.test), "tested")
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
            name = tensorflow_name(function)
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

    # Functions and classes.

    def execute_FunctionDef(self, node: cst.FunctionDef) -> bool:
        for decorator in node.decorators:
            self.require_ordinary(decorator.decorator, self.evaluate(decorator.decorator), "a decorator")
        for parameter in [*node.params.params, *node.params.kwonly_params]:
            if parameter.default is not None:
                self.require_ordinary(parameter.default, self.evaluate(parameter.default), "a default")
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

    def call_function(
        self, node: cst.Call | None, function: Function, values: list[Value], *, has_self: bool = False
    ) -> Value:
        if node is not None:
            self.record.calls.setdefault(function.node, set()).add(node)
        return self.enter(function, values, list(node.args) if node is not None else [], has_self=has_self)

    def enter(
        self, function: Function, values: list[Value], arguments: list[cst.Arg], *, has_self: bool = False
    ) -> Value:
        """Interpret the body of a function with these arguments, and return what it returns."""
        self.calls_made += 1
        if self.calls_made > _MAX_CALLS:
            self.block(function.node, "RH102", "the program calls its functions in too many ways to follow")
        if function.node in self.active or self.calls_made > _MAX_CALLS:
            for value in values:
                self.require_ordinary(function.node, value, "passed to a recursive function")
            return Plain()
        outer = self.scope
        scope = Scope(len(self.scopes), function.scope, function.node, local_names=local_names(function.node))
        if isinstance(self.scopes[function.scope].node, cst.ClassDef):
            scope.parent = self.scopes[function.scope].parent
        self.scopes.append(scope)
        self.scope = scope
        self.bind_arguments(function.node, values, arguments, has_self=has_self)
        self.active.append(function.node)
        self.returned.append([])
        if isinstance(function.node, cst.Lambda):
            self.returned[-1].append(self.evaluate(function.node.body))
            reaches_end = False
        else:
            reaches_end = self.execute(function.node.body)
        if not has_inner_scopes(function.node):
            # Nothing refers to its variables any more. Kept, they would be joined at each later branch.
            for name in scope.local_names:
                self.store.cells.pop((scope.number, name), None)
        results = self.returned.pop() + ([Plain(None)] if reaches_end else [])
        self.active.pop()
        self.scope = outer
        if not scope.has_functions:
            for name in scope.local_names:
                self.store.cells.pop((scope.number, name), None)
        result: Value = results[0] if results else Plain()
        for other in results[1:]:
            result = join(result, other)
        if is_generator(function.node):
            return Plain()
        return self.leave(function.node, result)

    def leave(self, node: cst.CSTNode, result: Value) -> Value:
        """Return a result as the caller sees it: what was computed from parameters is an expression of the call."""
        if isinstance(result, Items):
            return Items(tuple(self.leave(node, item) for item in result.items), result.is_tuple)
        if (
            isinstance(result, Tensor)
            and result.definition is not None
            and self.comes_from_parameters(result.definition)
        ):
            return Tensor(result.sources, None, result.form, result.is_static)
        return result

    def comes_from_parameters(self, definition: cst.CSTNode) -> bool:
        """Tell whether a definition uses a deferred parameter of its function."""
        if isinstance(definition, cst.Param):
            return True
        found = self.record.definitions.get(definition)
        return found is not None and any(
            isinstance(value, Tensor)
            and value.definition is not None
            and value.definition is not definition
            and self.comes_from_parameters(value.definition)
            for value in self.values_in(found.value)
        )

    def values_in(self, node: cst.CSTNode) -> list[Value]:
        """Return the values of all parts of an expression."""
        found = [self.record.facts[node]] if node in self.record.facts else []
        for child in children_of(node):
            found += self.values_in(child)
        return found

    def bind_arguments(
        self, node: cst.FunctionDef | cst.Lambda, values: list[Value], arguments: list[cst.Arg], *, has_self: bool
    ) -> None:
        """Bind the parameters of a function to what a call gives."""
        parameters = [*node.params.posonly_params, *node.params.params, *node.params.kwonly_params]
        by_name = {parameter.name.value: parameter for parameter in parameters}
        given: dict[str, Value] = {}
        positional = [parameter.name.value for parameter in [*node.params.posonly_params, *node.params.params]]
        words: list[str | None] = [None] if has_self or not arguments else []
        if not arguments:
            words = [None] * len(values)
        words += [argument.keyword.value if argument.keyword else None for argument in arguments]
        stars = [""] * (len(words) - len(arguments)) + [argument.star for argument in arguments]
        for index, (word, star, value) in enumerate(zip(words, stars, values)):
            name = word if word is not None else positional[index] if index < len(positional) else None
            if star or name is None or name not in by_name:
                self.require_ordinary(arguments[0] if arguments else node, value, "in `*` or `**` arguments")
            else:
                given[name] = value
        for name, parameter in by_name.items():
            default = self.record.facts.get(parameter.default, Plain()) if parameter.default is not None else Plain()
            value = bind_parameter(given[name], parameter) if name in given else default
            if isinstance(value, Plain) and (name not in given):
                value = Plain() if not self.active or parameter.default is None else value
            self.bind(parameter.name, value)
        for rest in (node.params.star_arg, node.params.star_kwarg):
            if isinstance(rest, cst.Param):
                self.bind(rest.name, Plain())


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


def dotted_name(node: cst.BaseExpression) -> str:
    """Return `a.b.c` of a name in an import."""
    return (
        f"{dotted_name(node.value)}.{node.attr.value}"
        if isinstance(node, cst.Attribute)
        else getattr(node, "value", "")
    )


def known_package(path: str) -> bool:
    """Tell whether a module belongs to TensorFlow, Keras or TensorFlow Hub."""
    return path.split(".", maxsplit=1)[0] in (*_PACKAGES, "rehub")


def api_path(path: str) -> str:
    """Return the path of a public name: rehub has those of TensorFlow Hub."""
    first, dot, rest = path.partition(".")
    return ("tensorflow_hub" if first == "rehub" else first) + dot + rest


def tensorflow_name(value: Value | None) -> str:
    """Return the name of TensorFlow's that a value is, without `tensorflow.` and `compat.v1.`; "" if it is none."""
    if not isinstance(value, Api) or not value.path.startswith("tensorflow."):
        return ""
    name = value.path[len("tensorflow.") :]
    return name[len("compat.v1.") :] if name.startswith("compat.v1.") else name


def bound_names(node: cst.CSTNode, *, into_functions: bool) -> set[str]:
    """Return the names that a statement and its parts bind in their scope."""
    found: set[str] = set()
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        found.add(node.name.value)
        return found
    if isinstance(node, cst.Lambda) or type(node).__name__.endswith("Comp"):
        return found
    if isinstance(node, (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.CompFor)):
        found.update(names_in(node.target))
    elif isinstance(node, cst.AsName):
        found.update(names_in(node.name))
    elif isinstance(node, cst.ImportAlias) and node.asname is None:
        found.add(dotted_name(node.name).split(".")[0])
    for child in children_of(node):
        found |= bound_names(child, into_functions=into_functions)
    return found


@functools.lru_cache(maxsize=10_000)  # A function is interpreted at each of its calls.
@functools.lru_cache(maxsize=10_000)
def local_names(node: cst.FunctionDef | cst.Lambda) -> frozenset[str]:
    """Return the local variables of a function."""
    names = {p.name.value for p in [*node.params.posonly_params, *node.params.params, *node.params.kwonly_params]}
    for parameter in (node.params.star_arg, node.params.star_kwarg):
        if isinstance(parameter, cst.Param):
            names.add(parameter.name.value)
    if isinstance(node, cst.Lambda):
        return frozenset(names)
    return frozenset((names | bound_names(node.body, into_functions=False)) - declared_names(node.body))


def declared_names(node: cst.CSTNode) -> set[str]:
    """Return the names that a function declares global or nonlocal."""
    if isinstance(node, (cst.Global, cst.Nonlocal)):
        return {item.name.value for item in node.names}
    if isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
        return set()
    return {name for child in children_of(node) for name in declared_names(child)}


@functools.lru_cache(maxsize=10_000)
def has_inner_scopes(node: cst.CSTNode) -> bool:
    """Return whether a function or class is in a function."""
    scopes = (cst.FunctionDef, cst.ClassDef, cst.Lambda)
    return any(isinstance(child, scopes) or has_inner_scopes(child) for child in children_of(node))


@functools.lru_cache(maxsize=10_000)
def is_generator(node: cst.CSTNode) -> bool:
    """Tell whether a function has a `yield`."""
    if isinstance(node, cst.Yield):
        return True
    return any(
        is_generator(child)
        for child in children_of(node)
        if not isinstance(child, (cst.FunctionDef, cst.ClassDef, cst.Lambda))
    )
