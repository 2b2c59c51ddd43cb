"""The functions of one restored model: registered with TensorFlow's runtime, or built in Python, when they are used.

Running a function eagerly needs its FunctionDef in the runtime, and those of the functions that it calls.
Differentiating it, tracing it into another function or saving it also needs its graph in Python. Building that takes
TensorFlow about a hundred times as long: two thirds of the time that its own loader takes.
"""

from __future__ import annotations

import re
import threading
import weakref
from typing import Any, Callable, Iterable, Mapping

from rehub import tf_internals


class FunctionLibrary:
    """The functions of one restored model.

    Args:
        registered_gradients: the RegisteredGradient messages: which function is the gradient of an op type.
    """

    def __init__(self, definitions: Mapping[str, Any], registered_gradients: Iterable[Any], objects: Any) -> None:
        self._definitions = definitions
        self._objects = objects
        self._deserializer = tf_internals.restored_functions.function_deserializer()
        self._graph = self._deserializer.ops.Graph()
        self._suffix = f"_load_{self._deserializer.ops.uid()}"
        self._with_shared_names: set[str] = set()
        self._registered: dict[str, str] = {}
        weakref.finalize(self, _remove_functions, self._deserializer.remove_function, self._registered).atexit = False
        self._built: dict[str, Any] = {}
        self._built_by_new_name: dict[bytes, Any] = {}
        self._gradients_by_op: dict[bytes, Any] = {}
        self._gradient_function: dict[bytes, str] = {}
        self._new_op_type: dict[bytes, str] = {}
        self._op_type_to_register: dict[str, str] = {}
        for gradient in registered_gradients:
            if gradient.registered_op_type:
                op_type, new_type = gradient.registered_op_type.encode(), self._deserializer.new_gradient_name()
                self._gradient_function[op_type] = gradient.gradient_func
                self._new_op_type[op_type] = new_type
                self._op_type_to_register[gradient.gradient_func] = new_type
        # What functions capture, by node id. Variables and resources by weak references: the functions that a user has
        # retain what they capture, the library must not.
        self._captured: dict[int, Any] = {}
        self._lock = threading.RLock()

    def set_captured(self, node_id: int, obj: Any) -> None:
        """Set the object that functions capture as a node of the object graph."""
        self._captured[node_id] = weakref.ref(obj) if tf_internals.functions.is_captured_weakly(obj) else obj

    def structure(self, name: str) -> tuple[Any, Any]:
        """Return the structured inputs and outputs of a function; None for both where nothing is recorded."""
        if name not in self._objects.concrete_functions:
            return None, None
        recorded = self._objects.concrete_functions[name]
        decode = self._deserializer.decode_structure
        return decode(recorded.canonicalized_input_signature), decode(recorded.output_signature)

    def number_of_inputs(self, name: str) -> int:
        """Return how many tensors a function takes, those that it captures included."""
        return len(self._definitions[name].signature.input_arg)

    def register(self, name: str) -> str:
        """Register a function with TensorFlow's runtime, if it is not registered yet; return its name there.

        The runtime forgets it when this library is deleted.
        """
        with self._lock:
            if name not in self._registered:
                for each in _order_functions(name, self._called_functions, self._registered):
                    definition = self._copy_definition(each)
                    self._make_names_unique(definition)
                    self._deserializer.add_function(definition)
                    self._registered[each] = definition.signature.name
            return self._registered[name]

    def build(self, name: str) -> Any:
        """Build a concrete function with its captures, if it is not built yet; return it."""
        tf = tf_internals.import_tensorflow()
        with self._lock, tf.init_scope():
            if name not in self._built:
                new = _order_functions(name, self._needed_functions, self._built)
                for each in new:
                    self._built[each] = self._build_function(each)
                for each in new:
                    self._restore_captures(each)
            return self._built[name]

    def _called_functions(self, name: str) -> Iterable[str]:
        """Return the functions that a function calls when it runs."""
        called = set()
        for node in self._definitions[name].node_def:
            if node.op in self._definitions:
                called.add(node.op)
            else:
                called.update(function.name for function in _function_attributes(node))
        return sorted(called)

    def _needed_functions(self, name: str) -> Iterable[str]:
        """Return the functions that a function calls, and those that are gradients of its ops."""
        # Sorted, so that a model is built in the same way each time.
        return sorted(
            self._deserializer.functions_needed(self._definitions[name], self._definitions, self._gradient_function)
        )

    def _copy_definition(self, name: str) -> Any:
        """Return a copy of a function's definition."""
        original = self._definitions[name]
        if name not in self._with_shared_names:
            # TensorFlow repairs tables that old versions wrote by a name that is new each time. Here it is the same
            # name when the function is registered and when it is built: both use the same table.
            for node in original.node_def:
                if node.op == "HashTableV2" and not node.attr["use_node_name_sharing"].b:
                    node.attr["use_node_name_sharing"].b = True
                    shared_name = node.attr["shared_name"].s or node.name.encode()
                    node.attr["shared_name"].s = shared_name + f"_{self._deserializer.ops.uid()}".encode()
            self._with_shared_names.add(name)
        copy = type(original)()
        copy.CopyFrom(original)
        return copy

    def _make_names_unique(self, definition: Any) -> None:
        """Give a definition names that are unique in this process, as TensorFlow's loader does in a graph."""
        for node in definition.node_def:
            if node.op in self._registered:
                node.op = self._registered[node.op]
                continue
            traits = tf_internals.ops.op_traits(node.op)
            for function in _function_attributes(node):
                function.name = self._registered[function.name]
            if traits.shared_name is not None:
                shared_name = node.attr["shared_name"].s or traits.shared_name or node.name.encode()
                node.attr["shared_name"].s = shared_name + self._suffix.encode()
        definition.attr.pop("_input_shapes", None)  # They can contradict the shapes of its captures.
        base = re.sub(r"^__inference_(.*)_\d+$", r"\1", definition.signature.name)
        definition.signature.name = f"__inference_{base}_{self._deserializer.ops.uid()}"

    def _build_function(self, name: str) -> Any:
        deserializer, definition, needed = self._deserializer, self._copy_definition(name), self._needed_functions(name)
        deserializer.rename(definition, self._built, self._suffix, self._new_op_type)
        inputs, outputs = self.structure(name)
        with self._graph.as_default():
            graph = deserializer.graph_of(definition, structured_input_signature=inputs, structured_outputs=outputs)
        deserializer.restore_gradients(graph, self._built_by_new_name, self._gradients_by_op)
        for each in needed:
            self._built[each].add_to_graph(graph)
        function = deserializer.concrete_function(graph, definition)
        function.add_to_graph(self._graph)
        self._built_by_new_name[function.name] = function
        op_type = self._op_type_to_register.get(name)
        if op_type is not None:
            self._gradients_by_op[op_type.encode()] = function
            deserializer.register_gradient(op_type, function)
        return function

    def _restore_captures(self, name: str) -> None:
        if name in self._objects.concrete_functions:
            bound = self._objects.concrete_functions[name].bound_inputs
            self._deserializer.restore_captures(
                self._built[name], [self._captured_object(node_id) for node_id in bound]
            )

    def _captured_object(self, node_id: int) -> Any:
        obj = self._captured[node_id]
        if isinstance(obj, TensorWithin):
            return self.build(obj.function).graph.get_tensor_by_name(obj.name)
        if isinstance(obj, weakref.ref):
            obj = obj()
            if obj is None:
                raise RuntimeError("A function of this model uses a variable or table that has been deleted.")
        return obj


class TensorWithin:
    """A tensor in the graph of a function, which the gradient of one of its ops captures."""

    def __init__(self, function: str, name: str) -> None:
        self.function = function
        self.name = name


def _function_attributes(node: Any) -> list[Any]:
    """Return the NameAttrLists by which a node of a function refers to other functions."""
    found: list[Any] = []
    for attribute in tf_internals.ops.op_traits(node.op).functions:
        if attribute in node.attr:
            value = node.attr[attribute]
            found.extend([value.func] if value.HasField("func") else value.list.func)
    return [each for each in found if each.name]


def _order_functions(name: str, needed: Callable[[str], Iterable[str]], present: Mapping[str, Any]) -> list[str]:
    """Return a function and those that it needs, without those that are present, each after those that it needs."""
    ordered: list[str] = []
    entered: set[str] = set()
    finished: set[str] = set(present)
    to_visit = [(name, False)]
    while to_visit:
        current, is_finished = to_visit.pop()
        if is_finished:
            finished.add(current)
            ordered.append(current)
        elif current not in finished:
            if current in entered:
                raise ValueError(f"The model's functions call each other in a circle, by way of {current!r}.")
            entered.add(current)
            to_visit.append((current, True))
            to_visit.extend((each, False) for each in needed(current) if each not in finished)
    return ordered


def _remove_functions(remove_function: Callable[[str], None], names: dict[str, str]) -> None:
    for name in names.values():
        remove_function(name)
