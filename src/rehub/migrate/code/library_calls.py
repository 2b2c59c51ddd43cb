"""Interpret calls of public names: those of TensorFlow, Keras and TensorFlow Hub."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.tensorflow_calls import TensorFlowInterpreter
from rehub.migrate.code.trees import argument_words, code_of
from rehub.migrate.code.values import (
    Blocked,
    Dataset,
    Entries,
    Function,
    HubModule,
    HubSpec,
    Initializer,
    Items,
    KerasObject,
    Optimizer,
    Plain,
    Session,
    StringArray,
    Tensor,
    Value,
    is_of_gradients,
    is_ordinary,
    iter_parts,
    sources_of,
)

_STATIC_BUILTINS = frozenset(
    ["int", "float", "len", "list", "tuple", "min", "max", "sum", "str", "range", "isinstance", "type"]
)
_PUBLISHING = frozenset(
    """
    add_signature attach_image_module_info attach_message create_module_spec create_module_spec_from_saved_model
    register_module_for_export LatestModuleExporter
    """.split()
)
_COLUMNS = frozenset(["image_embedding_column", "sparse_text_embedding_column"])


class LibraryInterpreter(TensorFlowInterpreter):
    """Knows what calls of public names do."""

    def call_other(self, node: cst.Call, function: Value, values: list[Value]) -> Value:
        """Return what a call of code that is not looked into gives, and require that it gets nothing that changes."""
        name = node.func.value if isinstance(node.func, cst.Name) else ""
        if self.formats_metrics(node, values):
            return Plain()
        if isinstance(function, Dataset):
            return self.call_dataset(node, values)
        known = self.call_array(node, function) or self.call_builtin(node, name, values)
        if known is not None or isinstance(function, Blocked):
            return known or Blocked()
        if name == "print" and self.print_tensors(node, values):
            return Plain(None)
        for argument, value in zip(node.args, values):
            form = value.form if isinstance(value, Tensor) else ""
            if name in {"sorted", "len", "list"} and (form == "inputs" or (form == "dict" and not sources_of(value))):
                continue
            if isinstance(value, Optimizer) and isinstance(function, KerasObject):
                continue
            if name in {"print", "str"}:
                self.note_printed(argument.value, value)
            self.require_ordinary(argument.value, value, f"passed to `{code_of(node.func)}`")
        self.require_ordinary(node.func, function, "called")
        if isinstance(function, KerasObject) or any(isinstance(value, KerasObject) for value in values):
            return KerasObject()
        return Plain()

    def print_tensors(self, node: cst.Call, values: list[Value]) -> bool:
        """Remember a print of tensors, of which TensorFlow 1 printed the names. Tell whether all is known of it."""
        tensors = [
            value for value in values if isinstance(value, Tensor) and not (value.is_static and not value.sources)
        ]
        if not tensors or not all(isinstance(value, Tensor) or is_ordinary(value) for value in values):
            return False
        if any(tensor.is_deferred and not tensor.is_described for tensor in tensors):
            self.record.graph_prints.add(node)
        else:
            self.record.printed_tensors.add(node)
        return True

    def call_dataset(self, node: cst.Call, values: list[Value]) -> Value:
        """Return what a method of a dataset gives. Functions that it maps compute tensors from tensors."""
        for argument, value in zip(node.args, values):
            if isinstance(value, Function):
                self.record.layer_functions.add(value.node)
                self.call_lambda_layer(value)
            else:
                self.require_ordinary(argument.value, value, f"passed to `{code_of(node.func)}`")
        return Dataset()

    def call_array(self, node: cst.Call, function: Value) -> Value | None:
        """Return what a call gives that has to do with an array of strings; None if it has not."""
        if not isinstance(node.func, cst.Attribute):
            return None
        if is_string_array(node, self.record.facts):
            return StringArray()
        if isinstance(function, StringArray):
            keeps = node.func.attr.value in {"reshape", "copy", "ravel", "flatten"}
            return StringArray() if keeps else Plain()
        return None

    def call_builtin(self, node: cst.Call, name: str, values: list[Value]) -> Value | None:
        """Return what a builtin of Python gives; None if it is not known, or gets what changes."""
        if name == "super":
            return Plain()
        if name == "dict" and node.args and all(argument.keyword is not None for argument in node.args):
            words = [argument.keyword.value for argument in node.args if argument.keyword is not None]
            return Entries(tuple((Plain(word), value) for word, value in zip(words, values)), node)
        sources = sources_of(Items(tuple(values)))
        if name in {"zip", "list"} and any(map(is_of_gradients, values)):
            return Tensor(sources, form="list")
        if name in _STATIC_BUILTINS:
            tensors = [part for value in values for part in iter_parts(value) if isinstance(part, Tensor)]
            if tensors and all(tensor.is_static for tensor in tensors):
                return Tensor(sources, None, is_static=True) if sources else Plain()
        return Plain() if name in {"len", "isinstance", "type"} and not sources else None

    def call_api(self, node: cst.Call, path: str, values: list[Value]) -> Value:
        """Return what a call of a public name gives."""
        package, _, name = path.partition(".")
        if package == "tensorflow_hub":
            return self.call_hub(node, name, values)
        if package == "keras" or name.startswith(("keras.", "python.keras.")):
            return self.call_keras(node, name.rpartition("keras.")[2], values)
        name = name[len("compat.v1.") :] if name.startswith("compat.v1.") else name
        if name in {"enable_eager_execution", "enable_v2_behavior"}:
            self.record.is_eager = True
        elif name in {"disable_eager_execution", "disable_v2_behavior"}:
            self.record.is_compat = self.record.is_graph_mode = True
        elif name.endswith("placeholder"):
            self.record.uses_graph = True
            self.record.needs_graph_mode |= self.scope.node is None
        return self.call_tensorflow(node, name, values)

    def call_hub(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what a call of TensorFlow Hub gives."""
        if name == "Module":
            return self.make_module(node, values)
        if name == "load_module_spec":
            handle = node.args[0].value if node.args else None
            return HubSpec(node, handle)
        if name in {"get_expected_image_size", "get_num_image_channels"}:
            return Plain()
        if name in _PUBLISHING:
            return self.block(node, "RH308", f"`hub.{name}` publishes a module of TensorFlow 1")
        if name == "text_embedding_column":
            return self.make_column(node, values)
        if name in _COLUMNS:
            return self.block(node, "RH304", f"`hub.{name}` feeds feature columns and Estimators")
        return self.call_other(node, KerasObject() if name == "KerasLayer" else Plain(), values)

    def make_module(self, node: cst.Call, values: list[Value]) -> Value:
        """Return a new `hub.Module`."""
        self.record.uses_graph = True
        self.record.needs_graph_mode |= self.scope.node is None
        is_trainable = False
        for argument, word, value in zip(node.args, argument_words(node, ("spec", "trainable")), values):
            if word == "trainable":
                is_trainable = not (isinstance(value, Plain) and value.constant is False)
            if not isinstance(value, HubSpec):
                self.require_ordinary(argument.value, value, "passed to `hub.Module`")
        spec = values[0] if values else None
        if isinstance(spec, HubSpec) and spec.handle is None:
            return self.block(node, "RH101", "the handle of this module's spec is not known here")
        return HubModule(node, is_trainable)

    def call_keras(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what a call of Keras gives."""
        if name == "backend.get_session":
            return Session()
        if name == "backend.set_session":
            return Initializer()
        if name.startswith("backend.") and any(isinstance(value, Tensor) for value in values):
            return self.compute(node, *values)
        for argument, value in zip(node.args, values):
            for part in iter_parts(value):
                if isinstance(part, Function) and name == "layers.Lambda":
                    self.record.layer_functions.add(part.node)
                    self.call_lambda_layer(part)
            if not isinstance(value, Function):
                self.require_ordinary(argument.value, value, f"passed to `{code_of(node.func)}`")
        return KerasObject()


def is_string_array(node: cst.Call, facts: dict[cst.CSTNode, Value]) -> bool:
    """Tell whether a call is `np.array(..., dtype=object)`, or an array of strings that are written there."""
    is_array = isinstance(node.func, cst.Attribute) and node.func.attr.value in {"array", "asarray"}
    if is_array and len(node.args) == 1:
        parts = [part for part in iter_parts(facts.get(node.args[0].value, Plain())) if not isinstance(part, Items)]
        return bool(parts) and all(isinstance(part, Plain) and isinstance(part.constant, str) for part in parts)
    return is_array and any(
        argument.keyword is not None
        and argument.keyword.value == "dtype"
        and code_of(argument.value) in {"object", "np.object", "np.object_", "numpy.object", '"object"', "'object'"}
        for argument in node.args
    )
