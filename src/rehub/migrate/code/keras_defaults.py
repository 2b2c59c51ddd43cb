"""RH201: what layers and optimizers of Keras computed in TensorFlow 1, where Keras 3 computes something else."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Renderer, Replacement, end_list
from rehub.migrate.code.insertions import find_last_import, insert_after
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import argument_words, arguments_by_name, code_of
from rehub.migrate.code.values import Api, KerasObject

# keras/src/layers/rnn of Keras 3: the gates are sigmoids, and a GRU multiplies before it resets.
_GATED = frozenset(["ConvLSTM2D", "GRU", "GRUCell", "LSTM", "LSTMCell"])
_GATE_PARAMETERS = ("units", "activation", "recurrent_activation")
_CONVOLUTION_PARAMETERS = ("filters", "kernel_size")
# The learning rates that Keras had by default before TensorFlow 1.14, where today's are 0.001.
_OLD_RATES = {"Adadelta": "1.0", "Adagrad": "0.01", "Adamax": "0.002", "Nadam": "0.002"}
_RATES = {"Adam": "0.001", "RMSprop": "0.001", "SGD": "0.01"}
_CLIPPED = "`clipnorm=` is of each gradient; before TensorFlow 1.14 it was of all together, as `global_clipnorm=` is"


def keep_numbers(plan: Plan) -> None:
    """Plan the arguments with which Keras 3 computes what Keras in TensorFlow 1 computed."""
    for node in list(plan.record.facts):
        if not isinstance(node, cst.Call):
            continue
        path = path_of(plan, node)
        name = path.rpartition(".")[2]
        if ".optimizers." in path:
            rewrite_optimizer(plan, node, name)
        elif ".layers." in path:
            keep_hard_sigmoid(plan, node)
            if name in _GATED:
                keep_gates(plan, node, name, is_certain=path.startswith("tensorflow."))
        elif isinstance(node.func, cst.Attribute) and node.func.attr.value == "compile":
            owner, named = plan.fact(node.func.value), arguments_by_name(node, ("optimizer",)).get("optimizer")
            optimizer = plan.constant(named)
            if isinstance(owner, KerasObject) and isinstance(optimizer, str):
                note_old_rate(plan, node, optimizer)


def path_of(plan: Plan, node: cst.Call) -> str:
    """Return the public name of Keras that is called, as `keras.layers.LSTM`; "" for others."""
    function = plan.fact(node.func)
    return function.path if isinstance(function, Api) and "keras." in function.path else ""


def rewrite_optimizer(plan: Plan, node: cst.Call, name: str) -> None:
    """Plan `learning_rate=` in the place of `lr=`, and the schedule that `decay=` is."""
    arguments = {a.keyword.value: a for a in node.args if a.keyword is not None}
    rate, decay = arguments.get("lr"), arguments.get("decay")
    if decay is not None and plan.constant(decay.value) != 0:
        rewrite_decay(plan, node, name, decay)
    else:
        if rate is not None:
            plan.edits.replace(rate.keyword, lambda _: cst.Name("learning_rate"))  # type: ignore[arg-type]
            plan.change(rate, "RH201", "a", "`lr=` becomes `learning_rate=`")
        if decay is not None:
            plan.edits.remove(decay)
    if "clipnorm" in arguments:
        plan.change(node, "RH201", "b", _CLIPPED)
    if not {"lr", "learning_rate"} & set(arguments) and all(a.keyword is not None for a in node.args):
        note_old_rate(plan, node, name)


def rewrite_decay(plan: Plan, node: cst.Call, name: str, decay: cst.Arg) -> None:
    """Plan a schedule in the place of `decay=`, of which Keras 3 warns and goes on without it."""
    tf = plan.package_name("tensorflow")
    positions = [i for i, word in enumerate(argument_words(node, ("lr",))) if word in {"lr", "learning_rate"}]
    if not tf or (not positions and name not in _RATES) or any(argument.star for argument in node.args):
        plan.block(decay, "RH201", "`decay=` of an optimizer: Keras 3 has schedules for it")
        return

    def build(renderer: Renderer) -> Replacement:
        rate = renderer.code(node.args[positions[0]].value) if positions else _RATES[name]
        schedule = f"{tf}.keras.optimizers.schedules.InverseTimeDecay({rate}, 1, {renderer.code(decay.value)})"
        argument = cst.Arg(cst.parse_expression(schedule), keyword=cst.Name("learning_rate"), equal=_EQUAL)
        kept = [a for i, a in enumerate(node.args) if i not in positions and a is not decay]
        others = [renderer.render(each) for each in kept]
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")) if others else cst.MaybeSentinel.DEFAULT
        return node.with_changes(
            func=renderer.render(node.func), args=[argument.with_changes(comma=comma), *end_list(others)]
        )

    plan.edits.replace(node, build)
    plan.change(node, "RH201", "a", "`decay=` becomes the schedule that it was")


_EQUAL = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))


def note_old_rate(plan: Plan, node: cst.Call, optimizer: str) -> None:
    """Ask to check an optimizer that has another learning rate by default now."""
    for name, rate in _OLD_RATES.items():
        if optimizer.lower() == name.lower():
            plan.change(
                node, "RH201", "b", f"{name} learns at 0.001 by default; before TensorFlow 1.14 it was at {rate}"
            )


def keep_hard_sigmoid(plan: Plan, node: cst.Call) -> None:
    """Plan the function that "hard_sigmoid" was: that of Keras 3 is less steep."""
    for argument in node.args:
        if plan.constant(argument.value) == "hard_sigmoid":
            code = hard_sigmoid(plan, node)
            plan.edits.replace_by_code(argument.value, code)
            plan.change(argument, "RH201", "a", '"hard_sigmoid" of Keras 3 is another function')


def keep_gates(plan: Plan, node: cst.Call, name: str, *, is_certain: bool) -> None:
    """Plan the gates that a recurrent layer had by default."""
    names = _GATE_PARAMETERS if name != "ConvLSTM2D" else _CONVOLUTION_PARAMETERS
    words = argument_words(node, names)
    if any(argument.star for argument in node.args):
        plan.block(node, "RH201", f"`{name}` with `*` or `**`: its gates are hard sigmoids in TensorFlow 1 by default")
        return
    added = [] if "recurrent_activation" in words else [f"recurrent_activation={hard_sigmoid(plan, node)}"]
    if name.startswith("GRU") and "reset_after" not in words:
        added.append("reset_after=False")
    if not added:
        return

    def build(renderer: Renderer) -> Replacement:
        call = renderer.render_inside(node)
        assert isinstance(call, cst.Call)
        more = cst.parse_expression(f"f({', '.join(added)})")
        assert isinstance(more, cst.Call)
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        before = [a if isinstance(a.comma, cst.Comma) else a.with_changes(comma=comma) for a in call.args]
        return call.with_changes(args=[*before, *more.args])

    plan.edits.replace(node, build)
    why = "" if is_certain else "; Keras 2.3 without TensorFlow's had sigmoids already"
    plan.change(node, "RH201", "a" if is_certain else "b", f"{name} keeps the gates of TensorFlow 1's Keras{why}")


def hard_sigmoid(plan: Plan, node: cst.Call) -> str:
    """Return the name of TensorFlow 1's hard sigmoid, which the new program defines after its imports.

    It is registered under a name that Keras 3 has not: Keras 3 copies layers and saves models by names of functions.
    """
    tf = plan.package_name("tensorflow")
    line = find_last_import(plan, "import tensorflow as", "import tensorflow\n")
    if not tf or line is None:
        plan.block(
            node, "RH201", f"`{code_of(node.func)}` needs TensorFlow 1's hard sigmoid: import `tensorflow as tf`"
        )
    elif not plan.hard_sigmoid:
        plan.hard_sigmoid = plan.unused_name("hard_sigmoid_of_tf1")
        decorator = f"@{tf}.keras.utils.register_keras_serializable()\n"
        function = f"def {plan.hard_sigmoid}(x):\n    return {tf}.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)\n"
        insert_after(plan, line, decorator + function, blank=2)
    return plan.hard_sigmoid or "hard_sigmoid"
