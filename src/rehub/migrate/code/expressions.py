"""Interpret the expressions of a program: what value each of them is."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

import libcst as cst

from rehub.migrate.code.estimator_values import Evaluation
from rehub.migrate.code.joins import join
from rehub.migrate.code.reading import ReadingInterpreter, describe
from rehub.migrate.code.store import Scope
from rehub.migrate.code.trees import children_of
from rehub.migrate.code.values import (
    UNKNOWN,
    Blocked,
    Entries,
    Function,
    Items,
    KerasObject,
    Mixed,
    Plain,
    Source,
    StringArray,
    Tensor,
    Value,
    is_of_gradients,
    is_ordinary,
    sources_of,
)


class ExpressionInterpreter(ReadingInterpreter):
    """Computes the values of expressions. What a call does, a subclass knows."""

    def evaluate_SimpleString(self, node: cst.SimpleString) -> Value:
        return Plain(node.evaluated_value)

    def evaluate_Integer(self, node: cst.Integer) -> Value:
        return Plain(node.evaluated_value)

    def evaluate_Float(self, node: cst.Float) -> Value:
        return Plain(node.evaluated_value)

    def evaluate_Ellipsis(self, _: cst.Ellipsis) -> Value:
        return Plain()

    def evaluate_Tuple(self, node: cst.Tuple) -> Value:
        return self.evaluate_items(node.elements, is_tuple=True)

    def evaluate_List(self, node: cst.List) -> Value:
        return self.evaluate_items(node.elements, is_tuple=False)

    def evaluate_items(self, elements: Sequence[cst.BaseElement], *, is_tuple: bool) -> Value:
        """Return a list or tuple display."""
        items = [self.evaluate(element.value) for element in elements]
        if any(isinstance(element, cst.StarredElement) for element in elements):
            for element, item in zip(elements, items):
                self.require_ordinary(element.value, item, "unpacked")
            return Plain()
        return Items(tuple(items), is_tuple)

    def evaluate_Dict(self, node: cst.Dict) -> Value:
        entries = []
        for element in node.elements:
            if isinstance(element, cst.DictElement):
                key = self.evaluate(element.key)
                if isinstance(key, Tensor) and not key.is_input and not key.is_static:
                    self.block(element.key, "RH103", "a tensor that is not a placeholder is a key, or fed")
                entries.append((key, self.evaluate(element.value)))
            else:
                self.require_ordinary(element.value, self.evaluate(element.value), "unpacked")
                return Plain()
        return Entries(tuple(entries), node)

    def evaluate_BinaryOperation(self, node: cst.BinaryOperation) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if isinstance(left, Items) and isinstance(right, Items) and isinstance(node.operator, cst.Add):
            return Items(left.items + right.items, left.is_tuple)
        return self.compute(node, left, right)

    def evaluate_UnaryOperation(self, node: cst.UnaryOperation) -> Value:
        value = self.evaluate(node.expression)
        if isinstance(node.operator, cst.Not):
            self.require_testable(node.expression, value)
            return Plain()
        return self.compute(node, value)

    def evaluate_Comparison(self, node: cst.Comparison) -> Value:
        values = [self.evaluate(node.left)]
        values += [self.evaluate(target.comparator) for target in node.comparisons]
        for target, value in zip(node.comparisons, values[1:]):
            if isinstance(target.operator, (cst.Is, cst.IsNot)):
                self.require_testable(node.left, values[0], is_identity=value == Plain(None))
                self.require_ordinary(target.comparator, value, "compared")
                return Plain()
            if isinstance(target.operator, (cst.In, cst.NotIn)):
                for operand in (values[0], value):
                    self.require_ordinary(node, operand, "compared")
                return Plain()
            if isinstance(target.operator, (cst.Equal, cst.NotEqual)) and any(
                isinstance(part, Tensor) and not part.is_static for part in values
            ):
                return self.block(node, "RH109", "`==` of tensors compares objects in TensorFlow 1, and numbers in 2")
        return self.compute(node, *values)

    def evaluate_BooleanOperation(self, node: cst.BooleanOperation) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        for part, value in ((node.left, left), (node.right, right)):
            self.require_testable(part, value)
        return join(left, right)

    def evaluate_IfExp(self, node: cst.IfExp) -> Value:
        self.require_testable(node.test, self.evaluate(node.test))
        return join(self.evaluate(node.body), self.evaluate(node.orelse))

    def evaluate_Subscript(self, node: cst.Subscript) -> Value:
        owner = self.evaluate(node.value)
        keys = []
        for element in node.slice:
            index = element.slice
            keys += [self.evaluate(part) for part in children_of(index) if isinstance(part, cst.BaseExpression)]
        key = keys[0] if len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index) else Plain()
        return self.read_item(node, owner, key, keys)

    def read_item(self, node: cst.Subscript, owner: Value, key: Value, keys: list[Value]) -> Value:
        """Return an item or a slice of a value."""
        constant = key.constant if isinstance(key, Plain) else UNKNOWN
        if isinstance(owner, Evaluation):
            return self.read_metric(node, key)
        if isinstance(owner, Items):
            if isinstance(constant, int) and -len(owner.items) <= constant < len(owner.items):
                return owner.items[constant]
            return self.read_any(node, owner.items)
        if isinstance(owner, Entries):
            for known, value in reversed(owner.entries):
                if isinstance(known, Plain) and known.constant == constant and constant is not UNKNOWN:
                    return value
            return self.read_any(node, tuple(value for _, value in owner.entries))
        if isinstance(owner, Tensor) and owner.form == "inputs" and owner.is_input:
            (source,) = owner.sources
            part = constant if isinstance(constant, str) else "*"
            return Tensor(frozenset([replace(source, part=part)]), owner.definition, is_input=True)
        if isinstance(owner, Tensor):
            for value in keys:
                if isinstance(value, Tensor) and not value.is_static:
                    return self.compute(node, owner, *keys)
            sources = owner.sources | sources_of(Items(tuple(keys)))
            form = "known" if owner.form == "known" else ""
            return Tensor(sources, None, form, is_static=owner.is_static)
        for value in keys:
            self.require_ordinary(node, value, "a key")
        if is_ordinary(owner):
            return type(owner)() if isinstance(owner, (Blocked, StringArray, KerasObject)) else Plain()
        return self.block(node, "RH102", f"an item of {describe(owner)}")

    def read_metric(self, node: cst.CSTNode, key: Value) -> Value:
        """Return a metric of an Estimator's evaluation."""
        raise NotImplementedError

    def read_any(self, node: cst.Subscript, items: Sequence[Value]) -> Value:
        """Return what one of several items is."""
        joined: Value = items[0] if items else Plain()
        for item in items[1:]:
            joined = join(joined, item)
        if isinstance(joined, Mixed) or (isinstance(joined, Tensor) and joined.is_deferred):
            self.require_ordinary(node, joined, "one of several values")
            return Plain()
        return joined

    def evaluate_Lambda(self, node: cst.Lambda) -> Value:
        for parameter in [*node.params.params, *node.params.kwonly_params]:
            if parameter.default is not None:
                self.evaluate(parameter.default)
        self.record.scope_of[node] = self.scope.node
        self.scope.has_functions = True
        function = Function(node, self.scope.number)
        self.add_function(function)
        return function

    def add_function(self, function: Function) -> None:
        """Remember a function, to interpret it if nothing calls it."""
        raise NotImplementedError

    def evaluate_ListComp(self, node: cst.ListComp) -> Value:
        return self.evaluate_comprehension(node, node.for_in, [node.elt])

    def evaluate_GeneratorExp(self, node: cst.GeneratorExp) -> Value:
        return self.evaluate_comprehension(node, node.for_in, [node.elt])

    def evaluate_SetComp(self, node: cst.SetComp) -> Value:
        return self.evaluate_comprehension(node, node.for_in, [node.elt])

    def evaluate_DictComp(self, node: cst.DictComp) -> Value:
        return self.evaluate_comprehension(node, node.for_in, [node.key, node.value])

    def evaluate_comprehension(
        self, node: cst.BaseExpression, for_in: cst.CompFor, results: Sequence[cst.BaseExpression]
    ) -> Value:
        """Return what a comprehension gives: a structure of tensors if its items are tensors."""
        outer, loop = self.scope, for_in
        iterated = [self.evaluate(loop.iter)]
        self.scope = Scope(len(self.scopes), outer.number, node, local_names=frozenset(names_in(loop.target)))
        self.scopes.append(self.scope)
        while True:
            self.bind(loop.target, self.item_of(loop.iter, iterated[-1]))
            for test in loop.ifs:
                self.require_ordinary(test.test, self.evaluate(test.test), "tested")
            if loop.inner_for_in is None:
                break
            loop = loop.inner_for_in
            iterated.append(self.evaluate(loop.iter))
        values = [self.evaluate(result) for result in results]
        self.scope = outer
        item = values[-1]
        described = describing_call(for_in.iter)
        if isinstance(node, cst.DictComp) and described is not None and isinstance(item, Tensor) and item.is_input:
            self.record.described_inputs[node] = described
            return Tensor(frozenset([Source("entries", node, self.order_of(node))]), node, "inputs", is_input=True)
        if isinstance(item, Tensor) and not item.form and len(values) in {1, 2}:
            form = "dict" if isinstance(node, cst.DictComp) else "list"
            if not item.is_deferred and not isinstance(node, (cst.SetComp, cst.GeneratorExp)) and not item.is_static:
                return Tensor(form=form)
            if item.is_static and not item.is_deferred:
                return Plain()
        if is_of_gradients(item) and isinstance(node, cst.ListComp):
            return Tensor(sources_of(Items((*values, *iterated))), form="list")
        for result, value in zip(results, values):
            self.require_ordinary(result, value, "in a comprehension")
        return Plain()

    def item_of(self, node: cst.CSTNode, iterated: Value) -> Value:
        """Return what a loop over a value gives."""
        if isinstance(iterated, Items):
            joined: Value = iterated.items[0] if iterated.items else Plain()
            for item in iterated.items[1:]:
                joined = join(joined, item)
            return joined
        if isinstance(iterated, Tensor) and iterated.form == "inputs":
            return Plain()
        if isinstance(iterated, Tensor) and iterated.form in {"", "list", "tuple"} and not iterated.is_static:
            return Tensor(iterated.sources)
        if isinstance(iterated, Tensor) and iterated.is_static and not iterated.is_deferred:
            return Plain()
        self.require_ordinary(node, iterated, "iterated over")
        return Plain()

    def evaluate_FormattedString(self, node: cst.FormattedString) -> Value:
        for part in node.parts:
            if isinstance(part, cst.FormattedStringExpression):
                value = self.evaluate(part.expression)
                self.note_printed(part.expression, value)
                self.require_ordinary(part.expression, value, "printed")
        return Plain()

    def evaluate_ConcatenatedString(self, node: cst.ConcatenatedString) -> Value:
        self.evaluate(node.left)
        self.evaluate(node.right)
        return Plain()


def describing_call(node: cst.BaseExpression) -> cst.Call | None:
    """Return `module.get_input_info_dict()` of `module.get_input_info_dict().items()`."""
    inner = node.func.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) else None
    if isinstance(inner, cst.Call) and isinstance(inner.func, cst.Attribute):
        return inner if inner.func.attr.value == "get_input_info_dict" else None
    return None


def names_in(target: cst.BaseExpression) -> list[str]:
    """Return the names that a target of an assignment binds."""
    if isinstance(target, cst.Name):
        return [target.value]
    if isinstance(target, (cst.Tuple, cst.List)):
        return [name for element in target.elements for name in names_in(element.value)]
    return []
