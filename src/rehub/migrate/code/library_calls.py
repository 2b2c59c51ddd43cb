"""Interpret calls of public names: those of TensorFlow, Keras and TensorFlow Hub."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code import tf_names
from rehub.migrate.code.estimator_calls import EstimatorInterpreter
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.unknown_calls import explain_unknown
from rehub.migrate.code.values import (
    Blocked,
    Config,
    Dataset,
    Entries,
    Function,
    Graph,
    HubModule,
    HubSpec,
    Initializer,
    Items,
    KerasObject,
    Optimizer,
    Plain,
    Session,
    Source,
    SparsePlaceholder,
    StringArray,
    Tensor,
    Value,
    is_ordinary,
    iter_parts,
    sources_of,
)

_SESSIONS = frozenset(["Session", "InteractiveSession", "train.MonitoredSession", "train.SingularMonitoredSession"])
_CONFIGS = frozenset(["ConfigProto", "GPUOptions", "GraphOptions", "OptimizerOptions"])
_INITIALIZERS = frozenset(
    """
    global_variables_initializer local_variables_initializer tables_initializer initialize_all_variables
    initialize_all_tables initialize_local_variables no_op initializers.global_variables initializers.local_variables
    initializers.tables_initializer reset_default_graph enable_eager_execution enable_v2_behavior
    """.split()
)
# The functions of tf.layers that a layer of Keras can stand for.
LAYERS = frozenset(["dense", "flatten", "conv1d", "conv2d", "batch_normalization"])
# Those that have no variables.
_STATELESS_LAYERS = frozenset(["dropout", "average_pooling1d", "average_pooling2d", "max_pooling1d", "max_pooling2d"])
_GLOBAL_STEPS = frozenset(["train.get_or_create_global_step", "train.create_global_step", "train.get_global_step"])
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
# What a call of these gives or does is the same in eager mode.
_PLAIN_CALLS = frozenset(["set_random_seed", "random.set_random_seed", "get_seed", "device"])
_PLAIN_MODULES = (
    "logging",
    "gfile",
    "flags",
    "app",
    "errors",
    "test",
    "compat",
    "dtypes",
    "data",
    "python_io",
    "config",
    "version",
)


class LibraryInterpreter(EstimatorInterpreter):
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
        if name in _STATIC_BUILTINS:
            tensors = [part for value in values for part in iter_parts(value) if isinstance(part, Tensor)]
            if tensors and all(tensor.is_static for tensor in tensors):
                return Tensor(sources, None, is_static=True) if sources else Plain()
        return Plain() if name in {"len", "isinstance", "type"} and not sources else None

    def call_function(
        self, node: cst.Call | None, function: Function, values: list[Value], *, has_self: bool = False
    ) -> Value:
        """Return what a call of a function of the program gives."""
        raise NotImplementedError

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
            self.record.is_compat = True
        elif name.endswith("placeholder"):
            self.record.uses_graph = True
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
        is_trainable = False
        for argument, value in zip(node.args, values):
            word = argument.keyword.value if argument.keyword else ""
            if word == "trainable" or (not word and argument is not node.args[0] and argument is node.args[1]):
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

    def call_lambda_layer(self, function: Function) -> None:
        """Interpret a function that computes tensors from tensors: a Keras Lambda's, or the body of a loop."""
        self.record.calls.setdefault(function.node, set())
        count = len(function.node.params.params)
        self.call_function(None, function, [Tensor() for _ in range(count)])

    def call_tensorflow(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what a call of TensorFlow gives."""
        if name in _SESSIONS:
            return self.make_session(node, values)
        if name in {"Graph", "get_default_graph"}:
            return Graph()
        if name == "get_default_session":
            return Session()
        if name in _CONFIGS:
            return Config()
        if name in _INITIALIZERS:
            return Initializer()
        if name == "group" and all(self.is_initializer(value) for value in values):
            return Initializer()
        if name in {"placeholder", "placeholder_with_default"}:
            source = Source("placeholder", node, self.order_of(node))
            return Tensor(frozenset([source]), node, is_input=True)
        known = self.call_estimator(node, name[len("estimator.") :], values) if name.startswith("estimator.") else None
        if known is not None:
            return known
        if name in {"sparse_placeholder", "sparse.placeholder"}:
            return SparsePlaceholder(node, self.order_of(node))
        if name.startswith(("train.", "layers.")) or "variable" in name.lower() or "initializer" in name:
            return self.call_training(node, name, values)
        return self.call_tensorflow_op(node, name, values)

    def call_training(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what a call that has to do with variables gives."""
        if name in {"global_variables", "trainable_variables"} and not node.args:
            return Tensor(form="list")
        if name.startswith("train.") and name.endswith("Optimizer"):
            return Optimizer(node)
        if name.startswith("layers.") and name[len("layers.") :] in LAYERS:
            return self.apply_layer(node, values)
        if name.startswith("layers.") and name[len("layers.") :] in _STATELESS_LAYERS:
            return self.apply_stateless_layer(node, name, values)
        words = {argument.keyword.value for argument in node.args if argument.keyword is not None}
        is_variable = name == "Variable" and words <= {"name", "dtype", "trainable", "initial_value"}
        if is_variable or (name == "get_variable" and words <= {"name", "shape", "initializer", "trainable"}):
            if name == "get_variable":
                self.record.got_variables.add(node)
            sources = frozenset([Source("state", node, 0)]) if self.is_training else frozenset()
            return Tensor(sources, node, is_variable=True)
        if name in _GLOBAL_STEPS:
            self.record.global_steps.add(node)
            return Tensor(frozenset([Source("state", node, 0)]), node, is_variable=True)
        if name.endswith("_initializer") or name.startswith("initializers."):
            return Plain()
        return self.call_tensorflow_op(node, name, values)

    def apply_layer(self, node: cst.Call, values: list[Value]) -> Value:
        """Return the output of a layer that keeps variables: it is one of Keras in the new program."""
        inputs = [
            value
            for argument, value in zip(node.args, values)
            if argument.keyword is None or argument.keyword.value == "inputs"
        ]
        for argument, value in zip(node.args, values):
            if value not in inputs[:1] and not isinstance(value, Function):
                self.require_ordinary(argument.value, value, f"passed to `{code_of(node.func)}`")
        self.record.layers.add(node)
        return Tensor(sources_of(inputs[0] if inputs else Plain()) | {Source("state", node, 0)})

    def apply_stateless_layer(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return the output of a layer without variables."""
        self.record.stateless_layers.add(node)
        training = next((v for a, v in zip(node.args, values) if a.keyword and a.keyword.value == "training"), None)
        result = self.compute(node, *values)
        if name == "layers.dropout" and training is not None and training != Plain(constant=False):
            return Tensor(sources_of(result) | {Source("random", node, self.order_of(node))})
        return result

    def is_initializer(self, value: Value) -> bool:
        """Tell whether a value is initializers alone."""
        return all(isinstance(part, (Initializer, Items)) for part in iter_parts(value))

    def make_session(self, node: cst.Call, values: list[Value]) -> Value:
        """Return a new session, if what it is given has no other meaning than to run things here."""
        self.record.uses_graph = True
        for argument, value in zip(node.args, values):
            word = argument.keyword.value if argument.keyword else "target"
            is_local = word == "target" and isinstance(value, Plain) and value.constant in {"", None}
            if not is_local and not isinstance(value, (Graph, Config)) and value != Plain(None):
                self.block(argument, "RH102", f"a session with `{code_of(argument.value)[:40]}`")
        return Session()

    def call_tensorflow_op(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what an op gives, or block what has no equal in eager mode."""
        for value in values:
            for part in iter_parts(value):
                if isinstance(part, Function) and tf_names.is_op(name):
                    self.record.op_functions.add(part.node)
                    self.call_lambda_layer(part)
        operands = [value for value in values if not isinstance(value, Function)]
        if tf_names.is_random(name) and any(function in self.record.op_functions for function in self.active):
            return self.block(node, "RH106", "a random op in a function that an op calls")
        in_layer = any(function in self.record.layer_functions for function in self.active)
        if tf_names.is_random(name) and in_layer:
            self.record.layer_randoms.add(node)  # It draws at each call in both programs.
        elif tf_names.is_random(name):
            source = Source("random", node, self.order_of(node))
            return Tensor(sources_of(self.compute(node, *operands)) | {source})
        if tf_names.is_op(name):
            result = self.compute(node, *operands)
            if tf_names.has_several_outputs(name):
                return Tensor(sources_of(result), form="tuple")
            return result if isinstance(result, Tensor) and not result.is_static else Tensor(sources_of(result))
        if name.startswith("data.") and any(isinstance(value, Tensor) and value.is_deferred for value in values):
            return self.block(node, "RH105", "a dataset of placeholders: make it where its initializer is run")
        if name in _PLAIN_CALLS or name.partition(".")[0] in _PLAIN_MODULES:
            for argument, value in zip(node.args, values):
                self.require_ordinary(argument.value, value, f"passed to `tf.{name}`")
            return Dataset() if name.startswith("data.") else Plain()
        rule, message = explain_unknown(name)
        return self.block(node, rule, message)


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
