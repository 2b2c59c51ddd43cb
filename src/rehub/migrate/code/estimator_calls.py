"""Interpret canned Estimators over text columns: what makes, trains and asks them."""

from __future__ import annotations

import string

import libcst as cst

from rehub.migrate.code.estimator_values import Column, Estimator, Evaluation, InputFunction
from rehub.migrate.code.expressions import ExpressionInterpreter
from rehub.migrate.code.values import UNKNOWN, Function, Items, Optimizer, Plain, Value, is_ordinary

ESTIMATORS = frozenset(["DNNClassifier", "DNNRegressor", "LinearClassifier", "LinearRegressor"])
INPUT_FUNCTIONS = frozenset(["inputs.numpy_input_fn", "inputs.pandas_input_fn"])
# What Keras computes as the Estimator did.
METRICS = frozenset(["accuracy", "average_loss"])


class EstimatorInterpreter(ExpressionInterpreter):
    """Knows what calls of canned Estimators give. The rewriting checks their arguments."""

    def make_column(self, node: cst.Call, values: list[Value]) -> Value:
        """Return a text column."""
        self.record.uses_graph = True
        for argument, value in zip(node.args, values):
            self.require_ordinary(argument.value, value, "an argument of a column")
        return Column(node)

    def call_estimator(self, node: cst.Call, name: str, values: list[Value]) -> Value | None:
        """Return what a call of `tf.estimator.NAME` gives; None if it is not known."""
        if name not in ESTIMATORS and name not in INPUT_FUNCTIONS:
            return None
        self.record.uses_graph = True
        for argument, value in zip(node.args, values):
            is_part = isinstance(value, (Optimizer, Function)) or (
                isinstance(value, Items) and all(isinstance(item, Column) or is_ordinary(item) for item in value.items)
            )
            if not is_part:
                self.require_ordinary(argument.value, value, "an argument of an Estimator")
        return Estimator(node) if name in ESTIMATORS else InputFunction(node)

    def call_estimator_method(self, node: cst.Call, owner: Estimator, name: str, values: list[Value]) -> Value:
        """Return what a method of an Estimator gives."""
        for argument, value in zip(node.args, values):
            if not isinstance(value, InputFunction):
                self.require_ordinary(argument.value, value, "an argument of an Estimator")
        if name == "train":
            return owner
        if name == "evaluate":
            return Evaluation(node)
        return Plain() if name == "predict" else self.block(node, "RH304", f"an Estimator's `.{name}`")

    def read_metric(self, node: cst.CSTNode, key: Value) -> Value:
        """Return a metric of an evaluation."""
        name = key.constant if isinstance(key, Plain) else UNKNOWN
        if name in METRICS:
            return Plain()
        what = f"metric {name!r}" if isinstance(name, str) else "metric, whose name is not known here"
        return self.block(node, "RH304", f"an Estimator's {what}: Keras computes it in another way, or not at all")

    def formats_metrics(self, node: cst.Call, values: list[Value]) -> bool:
        """Tell whether a call is `"{accuracy}".format(**evaluation)`, with known metrics alone."""
        function = node.func
        if not isinstance(function, cst.Attribute) or function.attr.value != "format" or len(node.args) != 1:
            return False
        text = self.record.facts.get(function.value)
        if not isinstance(text, Plain) or not isinstance(text.constant, str) or node.args[0].star != "**":
            return False
        fields = {field for _, field, _, _ in string.Formatter().parse(text.constant) if field is not None}
        return isinstance(values[0], Evaluation) and fields <= METRICS
