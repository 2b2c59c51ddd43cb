"""Interpret calls of TensorFlow: sessions, placeholders, variables, layers and ops."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code import tf_names
from rehub.migrate.code.optimizer_calls import SCHEDULES, OptimizerInterpreter
from rehub.migrate.code.trees import argument_words, code_of
from rehub.migrate.code.unknown_calls import explain_unknown
from rehub.migrate.code.values import (
    Config,
    Dataset,
    Function,
    Graph,
    Initializer,
    Items,
    Optimizer,
    Plain,
    Saver,
    Session,
    Source,
    SparsePlaceholder,
    Tensor,
    Value,
    iter_parts,
    sources_of,
)

_SESSIONS = frozenset(
    """
    Session InteractiveSession train.MonitoredSession train.MonitoredTrainingSession train.SingularMonitoredSession
    """.split()
)
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
# What a call of these gives or does is the same in eager mode.
_PLAIN_CALLS = frozenset(
    """
    set_random_seed random.set_random_seed get_seed device train.BytesList train.Example train.Feature
    train.FeatureList train.FeatureLists train.Features train.FloatList train.Int64List train.SequenceExample
    """.split()
)
_PLAIN_PREFIXES = ("io.gfile.", "python.lib.io.")
_PLAIN_MODULES = frozenset("app compat config data dtypes errors flags gfile logging python_io test version".split())


class TensorFlowInterpreter(OptimizerInterpreter):
    """Knows what calls of TensorFlow do."""

    def call_function(
        self, node: cst.Call | None, function: Function, values: list[Value], *, has_self: bool = False
    ) -> Value:
        """Return what a call of a function of the program gives."""
        raise NotImplementedError

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
        if name == "gradients":
            return self.compute_gradients(node, values, ("ys", "xs"))
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
            return self.list_trained_variables(node) if name == "trainable_variables" else Tensor(form="list")
        if name.startswith("train.") and name[len("train.") :] in SCHEDULES:
            return self.make_schedule(node, values)
        if name == "train.Saver" and set(argument_words(node)) <= {"max_to_keep"}:
            return Saver(node)
        if name.startswith("train.") and name.endswith("Optimizer"):
            return Optimizer(node)
        if name.startswith("layers.") and name[len("layers.") :] in LAYERS:
            return self.apply_layer(node, values)
        if name.startswith("layers.") and name[len("layers.") :] in _STATELESS_LAYERS:
            return self.apply_stateless_layer(node, name, values)
        words = set(argument_words(node)) - {""}
        is_variable = name == "Variable" and words <= {"name", "dtype", "trainable", "initial_value"}
        if is_variable or (name == "get_variable" and words <= {"name", "shape", "dtype", "initializer", "trainable"}):
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
        training = dict(zip(argument_words(node), values)).get("training")
        result = self.compute(node, *values)
        if name == "layers.dropout" and training is not None and training != Plain(constant=False):
            return Tensor(sources_of(result) | {Source("random", node, self.order_of(node))})
        return result

    def is_initializer(self, value: Value) -> bool:
        """Tell whether a value is initializers alone."""
        return all(isinstance(part, (Initializer, Items)) for part in iter_parts(value))

    def make_session(self, node: cst.Call, values: list[Value]) -> Value:
        """Return a new session, if what it is given has no other meaning than to run things here."""
        self.record.uses_graph = self.record.needs_graph_mode = True
        for argument, word, value in zip(node.args, argument_words(node, ("target",)), values):
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
        if name in _PLAIN_CALLS or name.startswith(_PLAIN_PREFIXES) or name.partition(".")[0] in _PLAIN_MODULES:
            for argument, value in zip(node.args, values):
                self.require_ordinary(argument.value, value, f"passed to `tf.{name}`")
            return Dataset() if name.startswith("data.") else Plain()
        rule, message = explain_unknown(name)
        return self.block(node, rule, message)

    def call_lambda_layer(self, function: Function) -> None:
        """Interpret a function that computes tensors from tensors: a Keras Lambda's, or the body of a loop."""
        self.record.calls.setdefault(function.node, set())
        count = len(function.node.params.params)
        self.call_function(None, function, [Tensor() for _ in range(count)])
