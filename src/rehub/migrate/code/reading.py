"""Interpret names and attributes: what a program reads where."""

from __future__ import annotations

from dataclasses import replace

import libcst as cst

from rehub.migrate.code.store import Blocker, Record, Scope, Store
from rehub.migrate.code.trees import children_of
from rehub.migrate.code.values import (
    Api,
    Blocked,
    Class,
    Config,
    DataIterator,
    Dataset,
    Entries,
    Function,
    Graph,
    HubModule,
    Instance,
    Items,
    IteratorInitializer,
    KerasObject,
    Method,
    Mixed,
    Plain,
    Session,
    Source,
    SparsePlaceholder,
    StringArray,
    Tensor,
    Value,
    is_ordinary,
    iter_parts,
)

_SHAPE_ATTRIBUTES = ("shape", "get_shape")


class ReadingInterpreter:
    """Knows what names and attributes hold, and remembers what is seen."""

    is_training = False
    has_gradients = False

    def __init__(self) -> None:
        self.store = Store()
        self.record = Record()
        self.scopes: list[Scope] = [Scope(0, None, None)]
        self.scope = self.scopes[0]
        self.active: list[cst.CSTNode] = []  # the functions whose bodies are interpreted
        self.orders: dict[cst.CSTNode, int] = {}

    def block(self, node: cst.CSTNode, rule: str, message: str, advice: str = "") -> Value:
        """Remember why the program cannot be rewritten; the expression is an ordinary value from here on."""
        self.record.blockers.setdefault((node, rule), Blocker(node, rule, message, advice))
        self.record.uses_graph |= rule in {"RH301", "RH303", "RH304", "RH305", "RH306", "RH307", "RH308"}
        return Blocked()

    def require_ordinary(self, node: cst.CSTNode, value: Value, what: str) -> None:
        """Block if a value that the rewriting changes reaches code that is not looked into."""
        for part in iter_parts(value):
            if isinstance(part, Function):
                self.record.escaped.add(part.node)
        if not is_ordinary(value):
            self.block(node, "RH309", f"{describe(value)} is {what}, which the rewriting cannot follow")

    def require_testable(self, node: cst.BaseExpression, value: Value, *, is_identity: bool = False) -> None:
        """Block a condition on a value that changes, but for whether a session or a module is there yet."""
        if isinstance(value, HubModule) or (is_identity and isinstance(value, Tensor) and not value.is_input):
            return
        if isinstance(value, Session) or value == Plain(None):  # The session may be made later.
            name = self.name_of_variable(node)
            self.record.tested_sessions.add(name)
            if name:
                return
        self.require_ordinary(node, value, "tested")

    def name_of_variable(self, node: cst.BaseExpression) -> str:
        """Return the name of a global variable, or the attribute of an object of the program; "" for others."""
        if isinstance(node, cst.Name):
            return node.value if self.cell_of(node.value)[0] == 0 else ""
        owner = self.record.facts.get(node.value) if isinstance(node, cst.Attribute) else None
        is_attribute = isinstance(owner, (Instance, Class))
        return node.attr.value if is_attribute and isinstance(node, cst.Attribute) else ""

    def note_printed(self, node: cst.CSTNode, value: Value) -> None:
        """Remember a shape that is printed: TensorFlow 1 did not know all dimensions where eager mode does."""
        for part in iter_parts(value):
            if isinstance(part, Tensor) and part.is_static and not part.is_deferred and part.form != "known":
                self.record.printed_shapes.add(node)

    def order_of(self, node: cst.CSTNode) -> int:
        """Return a number of a node, larger than those of all nodes that were reached before."""
        return self.orders.setdefault(node, len(self.orders))

    def cell_of(self, name: str) -> tuple[int, str]:
        """Return the variable that a name means in this scope."""
        scope: Scope | None = self.scope
        if name in self.scope.global_names:
            return (0, name)
        if name in self.scope.nonlocal_names and self.scope.parent is not None:
            scope = self.scopes[self.scope.parent]
        while scope is not None:
            if name in scope.local_names or scope.number == 0 or (scope.number, name) in self.store.cells:
                return (scope.number, name)
            scope = self.scopes[scope.parent] if scope.parent is not None else None
        return (0, name)

    def read_name(self, name: str) -> Value:
        """Return what a name holds."""
        if name in {"None", "True", "False"}:
            return Plain({"None": None, "True": True, "False": False}[name])
        return self.store.cells.get(self.cell_of(name), Plain())

    def evaluate(self, node: cst.BaseExpression) -> Value:
        """Return what an expression is, and remember it."""
        method = getattr(self, "evaluate_" + type(node).__name__, None)
        value = method(node) if method else self.evaluate_other(node)
        self.record.note(node, value)
        return value

    def evaluate_other(self, node: cst.CSTNode) -> Value:
        """Return the value of an expression that is ordinary if all its parts are."""
        for child in children_of(node):
            if isinstance(child, cst.BaseExpression):
                self.require_ordinary(
                    child, self.evaluate(child), f"used in `{cst.Module([]).code_for_node(node)[:40]}`"
                )
            elif not isinstance(child, (cst.BaseParenthesizableWhitespace, cst.LeftParen, cst.RightParen)):
                self.evaluate_other(child)
        return Plain()

    def evaluate_Name(self, node: cst.Name) -> Value:
        return self.read_name(node.value)

    def evaluate_Attribute(self, node: cst.Attribute) -> Value:
        return self.read_attribute(node, self.evaluate(node.value), node.attr.value)

    def read_attribute(self, node: cst.Attribute, owner: Value, name: str) -> Value:
        """Return what an attribute of a value is."""
        if isinstance(owner, Api):
            if name == "FLAGS":
                return Plain()
            return Api(f"{owner.path}.{name}")
        if isinstance(owner, (Instance, Class)):
            return self.read_instance(owner, name)
        if isinstance(owner, Tensor):
            return self.read_tensor_attribute(node, owner, name)
        if isinstance(owner, SparsePlaceholder):
            return self.read_sparse_attribute(node, owner, name)
        if isinstance(owner, Config):
            return Config()
        if isinstance(owner, Session) and name == "graph":
            return Graph()
        if isinstance(owner, DataIterator) and name == "initializer":
            return IteratorInitializer(owner.call)
        if isinstance(owner, HubModule) and name in {"variables", "variable_map"}:
            return Tensor(self.state_of(owner), None, "dict" if name == "variable_map" else "list")
        if isinstance(owner, (Blocked, StringArray, KerasObject, Dataset)):
            return type(owner)()
        if isinstance(owner, Plain):
            return Plain()
        if isinstance(owner, Mixed) and all(isinstance(option, (Plain, Instance)) for option in owner.options):
            return self.read_one_of(node, owner, name)
        return Method(owner, name)

    def read_one_of(self, node: cst.Attribute, owner: Mixed, name: str) -> Value:
        """Return an attribute of an object that is of one class or another: nothing of a graph, or it blocks."""
        for option in sorted(owner.options, key=repr):
            value = self.read_attribute(node, option, name)
            method = self.find_method(option.node, name) if isinstance(option, Instance) else None
            if method is not None:
                self.record.escaped.add(method)
            self.require_ordinary(node, value, "an attribute of one of several objects")
        return Plain()

    def read_sparse_attribute(self, node: cst.Attribute, owner: SparsePlaceholder, name: str) -> Value:
        """Return a part of a sparse placeholder."""
        if name in {"values", "indices", "dense_shape"}:
            source = Source("sparse", owner.node, owner.order, name)
            return Tensor(frozenset([source]), owner.node, is_input=True)
        return self.block(node, "RH103", f"`.{name}` of a sparse placeholder")

    def read_tensor_attribute(self, node: cst.Attribute, owner: Tensor, name: str) -> Value:
        """Return what an attribute of a symbolic tensor is."""
        if owner.is_static:
            if name == "value":
                self.record.dimension_values.add(node)
                return replace(owner, definition=None)
            is_method = name in {"as_list", "num_elements", "get_shape", "items", "keys", "values", "get"}
            return Method(owner, name) if is_method else replace(owner, definition=None)
        if owner.is_described and owner.form:
            return Method(owner, name)
        if owner.is_described and name in {"shape", "get_shape", "dtype"}:
            if name == "shape":
                self.record.described_shapes.add(node)
            known = Tensor(form="known", is_static=True)
            return Method(known, name) if name == "get_shape" else known
        if owner.form == "tuple":
            return Tensor(owner.sources)  # Such as `tf.nn.top_k(x).indices`.
        if name in _SHAPE_ATTRIBUTES:
            shape = Tensor(owner.sources, None, is_static=True)
            return shape if name == "shape" else Method(shape, name)
        if name == "dtype":
            return Tensor(owner.sources, None, is_static=True) if owner.is_deferred else Plain()
        if name in {"op", "name", "graph"}:
            return self.block(node, "RH102", f"`.{name}` of a tensor has no meaning in eager mode")
        return Method(owner, name)

    def read_instance(self, owner: Instance | Class, name: str) -> Value:
        """Return an attribute of an object: what was assigned to it, else a method of its class."""
        found = self.store.cells.get((owner.node, name))
        if found is not None:
            return found
        method = self.find_method(owner.node, name)
        if method is None:
            return Plain()
        is_property = any(
            isinstance(d.decorator, cst.Name) and d.decorator.value == "property" for d in method.decorators
        )
        if is_property and isinstance(owner, Instance):
            return self.enter_property(owner, method)
        return Method(owner, name)

    def enter_property(self, owner: Instance, method: cst.FunctionDef) -> Value:
        """Return what a property gives."""
        raise NotImplementedError

    def find_method(self, node: cst.ClassDef, name: str) -> cst.FunctionDef | None:
        """Return the definition of a method in the body of a class."""
        for statement in node.body.body:
            if isinstance(statement, cst.FunctionDef) and statement.name.value == name:
                return statement
        return None

    def state_of(self, module: HubModule) -> frozenset[Source]:
        """Return the source that a module's outputs have if its variables change: training changes them."""
        if module.is_trainable and self.is_training:
            return frozenset([Source("state", module.call, 0)])
        return frozenset()

    def bind(self, target: cst.BaseExpression, value: Value) -> None:
        """Give a target of an assignment its value."""
        raise NotImplementedError

    def compute(self, node: cst.CSTNode, *values: Value) -> Value:
        """Return the result of an operator or an op: a tensor if one of its operands is."""
        sources: frozenset[Source] = frozenset()
        tensors = []
        if any(isinstance(part, Blocked) for value in values for part in iter_parts(value)):
            return Blocked()
        for value in values:
            for part in iter_parts(value):
                if isinstance(part, Tensor):
                    tensors.append(part)
                    sources |= part.sources
                elif not isinstance(part, (Items, Entries)) and not is_ordinary(part):
                    self.block(node, "RH102", f"{describe(part)} in a computation")
        if not tensors:
            return KerasObject() if any(isinstance(value, KerasObject) for value in values) else Plain()
        return Tensor(sources, None, is_static=all(tensor.is_static for tensor in tensors))


def describe(value: Value) -> str:
    """Return a value in words, for messages."""
    if isinstance(value, Tensor):
        if value.placeholder is not None:
            return "a placeholder"
        return "a tensor of a graph"
    if isinstance(value, (Items, Entries, Mixed, Method)):
        for part in list(iter_parts(value))[1:]:
            if not is_ordinary(part):
                return describe(part)
    return value.words
