"""Interpret the calls of a program: its own functions, and those of TensorFlow, Keras and TensorFlow Hub."""

from __future__ import annotations

from dataclasses import replace

import libcst as cst

from rehub.migrate.code.estimator_values import Estimator
from rehub.migrate.code.library_calls import LibraryInterpreter
from rehub.migrate.code.reading import describe
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.trees import argument_words, code_of
from rehub.migrate.code.values import (
    Api,
    Blocked,
    Class,
    DataIterator,
    Entries,
    Function,
    Graph,
    HubModule,
    HubSpec,
    Initializer,
    Instance,
    Items,
    KerasObject,
    Method,
    Optimizer,
    Plain,
    Saver,
    Session,
    Source,
    Tensor,
    TrainOp,
    Value,
    is_ordinary,
    iter_parts,
    sources_of,
)

_MODULE_QUERIES = frozenset(
    ["get_signature_names", "get_input_info_dict", "get_output_info_dict", "get_attached_message"]
)


class CallInterpreter(LibraryInterpreter):
    """Knows what calls do."""

    def evaluate_Call(self, node: cst.Call) -> Value:
        function = self.evaluate(node.func)
        values = [self.evaluate(argument.value) for argument in node.args]
        word = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        is_iterator = word in {"make_one_shot_iterator", "make_initializable_iterator"}
        if is_iterator and len(node.args) == (1 if isinstance(function, Api) else 0):
            for argument, value in zip(node.args, values):
                self.require_ordinary(argument.value, value, "the data of an iterator")
            return DataIterator(node, self.order_of(node))
        if isinstance(function, Api):
            return self.call_api(node, function.path, values)
        if isinstance(function, Function):
            return self.call_function(node, function, values)
        if isinstance(function, Class):
            return self.instantiate(node, function, values)
        if isinstance(function, Method):
            return self.call_method(node, function, values)
        if isinstance(function, HubModule):
            return self.apply_module(node, function, values)
        if isinstance(function, Instance):
            method = self.find_method(function.node, "__call__")
            if method is not None:
                return self.call_function(node, Function(method, function.scope), [function, *values], has_self=True)
        return self.call_other(node, function, values)

    def instantiate(self, node: cst.Call, function: Class, values: list[Value]) -> Value:
        """Return a new object of a class of the program."""
        instance = Instance(function.node, function.scope)
        method = self.find_method(function.node, "__init__")
        self.record.calls.setdefault(function.node, set()).add(node)
        if method is not None:
            self.call_function(node, Function(method, function.scope), [instance, *values], has_self=True)
        else:
            for argument, value in zip(node.args, values):
                self.require_ordinary(argument.value, value, f"passed to `{code_of(node.func)}`")
        return KerasObject() if self.is_keras_class(function.node) else instance

    def is_keras_class(self, node: cst.ClassDef) -> bool:
        """Tell whether a class is derived from one of Keras."""
        bases = [self.record.facts.get(base.value) for base in node.bases]
        return any(isinstance(base, Api) and "keras" in base.path for base in bases)

    def call_method(self, node: cst.Call, method: Method, values: list[Value]) -> Value:
        """Return what a call of a method gives."""
        owner, name = method.owner, method.name
        if isinstance(owner, (Instance, Class)):
            return self.call_own_method(node, owner, name, values)
        if isinstance(owner, Session):
            return self.call_session(node, name, values)
        if isinstance(owner, Graph):
            if name in {"as_default", "finalize"}:
                return Graph()
            return self.block(node, "RH102", f"`.{name}` of a graph")
        if isinstance(owner, Tensor):
            return self.call_tensor_method(node, owner, name)
        if isinstance(owner, Initializer) and name == "run":
            return Initializer()
        if isinstance(owner, (HubModule, HubSpec)) and name in _MODULE_QUERIES:
            return Tensor(form="known", is_static=True)
        if isinstance(owner, HubModule) and name == "export":
            return self.block(node, "RH308", "a module is exported; TensorFlow 2 saves a SavedModel")
        return self.call_method_of_other(node, method, values)

    def call_own_method(self, node: cst.Call, owner: Instance | Class, name: str, values: list[Value]) -> Value:
        """Return what a call of a method of the program gives."""
        found = self.find_method(owner.node, name)
        if found is None:
            return self.call_other(node, Plain(), values)
        decorators = {d.decorator.value for d in found.decorators if isinstance(d.decorator, cst.Name)}
        function = Function(found, owner.scope)
        if "staticmethod" in decorators:
            return self.call_function(node, function, values)
        if "classmethod" in decorators:
            return self.call_function(node, function, [Class(owner.node, owner.scope), *values], has_self=True)
        if isinstance(owner, Class):
            return self.call_other(node, Plain(), values)
        return self.call_function(node, function, [owner, *values], has_self=True)

    def call_method_of_other(self, node: cst.Call, method: Method, values: list[Value]) -> Value:
        """Return what a call of a method gives that has to do with neither sessions nor modules."""
        owner, name = method.owner, method.name
        if isinstance(owner, Optimizer):
            return self.call_optimizer(node, owner, name, values)
        if isinstance(owner, Saver):
            return self.call_saver(node, name, values)
        if isinstance(owner, Estimator):
            return self.call_estimator_method(node, owner, name, values)
        if isinstance(owner, DataIterator) and name == "get_next":
            return self.draw(node, owner)
        if isinstance(owner, (Items, Entries)):
            return self.call_container(node, owner, name, values)
        return self.block(node, "RH102", f"`.{name}` of {describe(owner)}")

    def draw(self, node: cst.Call, iterator: DataIterator) -> Value:
        """Return what `get_next` gives: as many tensors as its statement unpacks."""
        targets = self.unpacked_into(node)
        order = self.order_of(node)
        self.record.iterators[node] = iterator.call
        if not targets:
            return Tensor(frozenset([Source("iterator", node, order)]), node, is_input=True)
        parts = [Tensor(frozenset([Source("iterator", node, order, name)]), node, is_input=True) for name in targets]
        return Items(tuple(parts), is_tuple=True)

    def unpacked_into(self, node: cst.Call) -> list[str]:
        """Return the names that the result of a call is unpacked into, if it is a tuple of them."""
        raise NotImplementedError

    def call_container(self, node: cst.Call, owner: Value, name: str, values: list[Value]) -> Value:
        """Return what a method of a known list or dict gives."""
        target = node.func.value if isinstance(node.func, cst.Attribute) else None
        if name == "append" and isinstance(target, cst.Name) and len(values) == 1:
            added = values[0]
            if is_ordinary(added) and is_ordinary(owner):
                self.bind(target, Plain())
                return Plain()
            parts = [*(owner.items if isinstance(owner, Items) else ()), added]
            if all(isinstance(part, Tensor) and not part.is_deferred and not part.form for part in parts):
                self.bind(target, Tensor(form="list"))
                return Plain()
        if name in {"items", "keys", "values", "get"} and isinstance(owner, Entries):
            self.require_ordinary(node, owner, f"read by `.{name}`")
            return Plain()
        self.require_ordinary(node, owner, f"changed by `.{name}`")
        for value in values:
            self.require_ordinary(node, value, f"passed to `.{name}`")
        if isinstance(target, cst.Name):
            self.bind(target, Plain())
        return Plain()

    def call_session(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what a method of a session gives."""
        if name == "run":
            words = argument_words(node)
            unknown = set(words) - {"", "fetches", "feed_dict"}
            if not node.args or unknown or len(node.args) > 2 or any(argument.star for argument in node.args):
                return self.block(node, "RH102", "`session.run` with options or other arguments")
            fetched = words.index("fetches") if "fetches" in words else 0
            feeds = [index for index in range(len(words)) if index != fetched]
            self.add_fetch(node, node.args[fetched].value, values[fetched], *(node.args[i].value for i in feeds))
            return values[fetched] if self.is_initializer(values[fetched]) else result_of(values[fetched])
        if name in {"close", "as_default", "__enter__", "__exit__"}:
            return Session()
        if name == "should_stop":
            return self.block(node, "RH102", "a loop until `session.should_stop()`: loop over the dataset in its place")
        return self.block(node, "RH102", f"`.{name}` of a session")

    def add_fetch(
        self, node: cst.Call, fetched: cst.BaseExpression, value: Value, feed: cst.BaseExpression | None = None
    ) -> None:
        """Remember a run of a session."""
        if isinstance(feed, cst.Name) and feed.value == "None":
            feed = None
        for part in iter_parts(value):
            if not isinstance(part, (Tensor, Items, Entries, Initializer, TrainOp, Blocked)) and not (
                isinstance(value, Entries) and isinstance(part, Plain)
            ):
                self.block(fetched, "RH102", f"`{code_of(fetched)[:40]}` is run, and it is not known what it is")
        feed_value = self.record.facts.get(feed) if feed is not None else None
        self.record.fetches[node] = Fetch(node, fetched, value, feed, feed_value, self.scope.node)

    def call_tensor_method(self, node: cst.Call, owner: Tensor, name: str) -> Value:
        """Return what a method of a tensor gives."""
        if owner.is_static and not owner.is_deferred:
            return replace(owner, definition=None)
        if owner.form == "inputs" and name in {"keys", "items", "values"}:
            self.record.described_items.update([node] if name != "keys" else [])
            return Plain()
        if owner.form == "list" and name == "append" and not owner.is_deferred:
            added = self.record.facts.get(node.args[0].value) if len(node.args) == 1 else None
            if isinstance(added, Tensor) and not added.is_deferred and not added.form and not added.is_static:
                return Plain()
        if name == "get_shape" or (owner.is_static and name in {"as_list", "ndims", "num_elements"}):
            return replace(owner, definition=None, is_static=True)
        if name == "eval" and isinstance(node.func, cst.Attribute):
            words = argument_words(node)
            feeds = [
                argument.value
                for index, (argument, word) in enumerate(zip(node.args, words))
                if word == "feed_dict" or (not word and index == 0)
            ]
            if not set(words) <= {"", "feed_dict", "session"}:
                return self.block(node, "RH102", "`.eval` with unknown arguments")
            self.add_fetch(node, node.func.value, owner, *feeds)
            return Plain()
        if name == "set_shape" and not owner.is_deferred:
            return Plain(None)
        if name == "set_shape":
            return self.block(node, "RH103", "`.set_shape` of a tensor")
        if owner.form == "dict" and name in {"items", "keys", "values"} and not owner.is_deferred:
            return Plain() if name == "keys" else self.block(node, "RH102", f"a loop over `.{name}()` of tensors")
        return self.block(node, "RH102", f"`.{name}` of a tensor")

    def apply_module(self, node: cst.Call, module: HubModule, values: list[Value]) -> Value:
        """Return the outputs of a module that is applied."""
        sources, is_dict = self.state_of(module), False
        for argument, word, value in zip(node.args, argument_words(node), values):
            if word == "as_dict":
                if not isinstance(value, Plain) or value.constant not in {True, False}:
                    return self.block(argument, "RH101", "`as_dict=` is not a constant")
                is_dict = value.constant is True
            for part in iter_parts(value):
                if isinstance(part, (Tensor, Items, Entries)):
                    continue
                if isinstance(part, KerasObject) or not is_ordinary(part):
                    return self.block(argument, "RH101", f"a module is applied to {describe(part)}")
            sources |= sources_of(value)
        return Tensor(sources, None, "dict" if is_dict else "")


def result_of(fetched: Value) -> Value:
    """Return what a run gives for what it is asked: NumPy arrays in the same structure."""
    if isinstance(fetched, Items):
        return Items(tuple(map(result_of, fetched.items)), fetched.is_tuple)
    if isinstance(fetched, Entries):
        return Plain()
    return Plain(None) if isinstance(fetched, Initializer) else Plain()
