"""Interpret training: what optimizers minimize, gradients, and learning rates that change."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.estimator_calls import EstimatorInterpreter
from rehub.migrate.code.trees import argument_words
from rehub.migrate.code.values import (
    HubModule,
    Items,
    Optimizer,
    Plain,
    Session,
    Source,
    Tensor,
    TrainOp,
    Value,
    is_of_gradients,
    iter_parts,
    sources_of,
)

# Schedules of Keras, with the parameters of those of TensorFlow 1; "" for the step counter.
_DECAY = ("initial_learning_rate", "", "decay_steps")
SCHEDULES = {
    "cosine_decay": ("CosineDecay", (*_DECAY, "alpha")),
    "exponential_decay": ("ExponentialDecay", (*_DECAY, "decay_rate", "staircase")),
    "inverse_time_decay": ("InverseTimeDecay", (*_DECAY, "decay_rate", "staircase")),
    "piecewise_constant": ("PiecewiseConstantDecay", ("", "boundaries", "values")),
    "piecewise_constant_decay": ("PiecewiseConstantDecay", ("", "boundaries", "values")),
    "polynomial_decay": ("PolynomialDecay", (*_DECAY, "end_learning_rate", "power", "cycle")),
}

_NOT_A_LOSS = "a loss of gradients or of all variables of a graph"


class OptimizerInterpreter(EstimatorInterpreter):
    """Knows what calls of optimizers give."""

    def call_optimizer(self, node: cst.Call, owner: Optimizer, name: str, values: list[Value]) -> Value:
        """Return what a method of an optimizer gives."""
        if name == "minimize":
            return self.make_train_op(node, owner, values, ("loss", "global_step", "var_list"))
        if name == "apply_gradients":
            return self.make_train_op(node, owner, values, ("grads_and_vars", "global_step"))
        if name == "compute_gradients":
            return self.compute_gradients(node, values, ("loss", "var_list"))
        return self.block(node, "RH301", f"`.{name}` of an optimizer")

    def make_train_op(self, node: cst.Call, owner: Optimizer, values: list[Value], names: tuple[str, ...]) -> Value:
        """Return the op of a training step."""
        given = dict(zip(argument_words(node, names), values))
        nodes = dict(zip(argument_words(node, names), node.args))
        loss, counter = given.pop(names[0], None), given.pop("global_step", Plain(None))
        variables = given.pop("var_list", Plain(None))
        given.pop("name", None)
        is_counted = isinstance(counter, Tensor) and counter.is_variable
        if given or not isinstance(loss, Tensor) or not (is_counted or counter == Plain(None)):
            return self.block(node, "RH301", "a training op with more than the loss, a step counter and `var_list=`")
        if variables != Plain(None) and not self.is_trained(nodes["var_list"].value, variables):
            return self.block(node, "RH301", "`var_list=` with something else than variables of this program")
        if is_of_gradients(loss) != (names[0] == "grads_and_vars"):
            return self.block(node, "RH301", _NOT_A_LOSS if names[0] == "loss" else "this applies no gradients")
        return TrainOp(
            node,
            owner.call,
            loss,
            nodes["global_step"].value if is_counted else None,
            nodes["var_list"].value if variables != Plain(None) else None,
        )

    def compute_gradients(self, node: cst.Call, values: list[Value], names: tuple[str, ...]) -> Value:
        """Return gradients, as a list: of variables, or with them."""
        given = dict(zip(argument_words(node, names), values))
        nodes = dict(zip(argument_words(node, names), node.args))
        loss, variables = given.pop(names[0], None), given.pop(names[1], None)
        given.pop("name", None)
        is_loss = isinstance(loss, Tensor) and loss.is_deferred and loss.definition is not None and not loss.is_input
        if is_of_gradients(loss):
            return self.block(node, "RH301", _NOT_A_LOSS)
        if given or not is_loss or (variables is None and names[1] == "xs"):
            return self.block(node, "RH301", "gradients of something else than a loss that has a name")
        if variables not in {None, Plain(None)} and not self.is_trained(nodes[names[1]].value, variables):
            return self.block(node, "RH301", "gradients by something else than variables of this program")
        self.record.gradients.add(node)
        assert loss is not None
        return Tensor(sources_of(loss) | {Source("gradient", node, self.order_of(node))}, form="list")

    def is_trained(self, node: cst.BaseExpression, value: Value) -> bool:
        """Tell whether a value is a list of variables that a gradient tape watches."""
        owner = self.record.facts.get(node.value) if isinstance(node, cst.Attribute) else None
        if isinstance(owner, HubModule):
            return owner.is_trainable
        if isinstance(value, Items):
            parts = list(iter_parts(value))[1:]
            return bool(parts) and all(isinstance(part, Tensor) and part.is_variable for part in parts)
        return isinstance(value, Tensor) and value.form == "list" and is_of_gradients(value)

    def list_trained_variables(self, node: cst.Call) -> Value:
        """Return what `tf.trainable_variables()` gives: where gradients are computed, what the step trains."""
        if not self.has_gradients:
            return Tensor(form="list")
        self.record.gradients.add(node)
        return Tensor(frozenset([Source("gradient", node, self.order_of(node))]), form="list")

    def call_saver(self, node: cst.Call, name: str, values: list[Value]) -> Value:
        """Return what a method of a `tf.train.Saver` gives."""
        if name not in {"save", "restore"} or not values or not isinstance(values[0], Session):
            return self.block(node, "RH306", f"`.{name}` of a tf.train.Saver")
        for argument, value in zip(node.args[1:], values[1:]):
            if not (isinstance(value, Tensor) and value.is_variable):
                self.require_ordinary(argument.value, value, f"passed to `.{name}`")
        return Plain()

    def make_schedule(self, node: cst.Call, values: list[Value]) -> Value:
        """Return a learning rate that depends on the number of steps."""
        rate = self.compute(node, *values)
        if not isinstance(rate, Tensor) or not rate.is_deferred:
            return self.block(node, "RH301", "a learning rate that does not depend on a step counter of this program")
        self.record.schedules.add(node)
        return Tensor(rate.sources)
