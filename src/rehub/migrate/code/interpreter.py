"""Interpret a program statement by statement: what each name holds where, and what runs which tensors.

An abstract interpreter: functions are interpreted at each call, with what they are given; loops twice; branches join.
What no call in the program reaches is interpreted last, as if other code called it with ordinary values.
"""

from __future__ import annotations

from typing import Iterable

import libcst as cst

from rehub.migrate.code.joins import join
from rehub.migrate.code.scopes import is_generator, local_names
from rehub.migrate.code.statements import StatementInterpreter
from rehub.migrate.code.store import Record, Scope, bind_parameter
from rehub.migrate.code.trees import children_of
from rehub.migrate.code.values import Function, Instance, Items, Plain, Tensor, Value, is_ordinary

_MAX_CALLS = 3000


class Interpreter(StatementInterpreter):
    """Interprets a whole program and fills `record`."""

    def __init__(self, module: cst.Module, skipped: Iterable[cst.CSTNode] = ()) -> None:
        super().__init__(skipped)
        self.module = module
        self.is_training = self.record.is_training = "Optimizer" in module.code
        self.has_gradients = self.is_training and any(word in module.code for word in ("gradients(", "var_list"))
        self.calls_made = 0

    def run(self) -> Record:
        """Interpret the module, then twice what nothing in it calls.

        Twice, because a later function may fill what an earlier one reads.
        """
        self.execute_block(self.module.body)
        called = called_names(self.module)
        for _ in range(2):
            before = dict(self.record.blockers)
            # Functions that others call come last: then their arguments are known.
            entries = sorted(self.ordinary_functions, key=lambda each: each[1] is None and name_of(each[0]) in called)
            for function, instance in entries:
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
        results = self.returned.pop() + ([Plain(None)] if reaches_end else [])
        self.active.pop()
        self.scope = outer
        if not scope.has_functions:
            # Nothing refers to its variables any more. Kept, they would be joined at each later branch.
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
            and all(map(self.comes_from_parameters, {result.definition, *result.others}))
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


def name_of(function: Function) -> str:
    """Return the name of a function; "" for a lambda."""
    return function.node.name.value if isinstance(function.node, cst.FunctionDef) else ""


def called_names(node: cst.CSTNode) -> set[str]:
    """Return the names of all functions and methods that are called in a part of a program."""
    found, stack = set(), [node]
    while stack:
        current = stack.pop()
        stack += children_of(current)
        if isinstance(current, cst.Call):
            function = current.func.attr if isinstance(current.func, cst.Attribute) else current.func
            found.update([function.value] if isinstance(function, cst.Name) else [])
    return found
