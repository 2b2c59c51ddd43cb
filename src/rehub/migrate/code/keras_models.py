"""RH201: what the Keras of TensorFlow 1 took or did by default, and Keras 3 does not."""

from __future__ import annotations

import json

import libcst as cst

from rehub.migrate.code.edits import Builder, Renderer, Replacement
from rehub.migrate.code.keras_defaults import keep_numbers
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import argument_words, code_of
from rehub.migrate.code.values import KerasObject, StringArray

_DATA_METHODS = frozenset(["fit", "predict", "evaluate", "train_on_batch", "test_on_batch", "predict_on_batch"])


def rewrite_keras_calls(plan: Plan) -> None:
    """Plan the changes of calls of Keras."""
    keep_numbers(plan)
    for node in list(plan.record.facts):
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            continue
        if isinstance(plan.fact(node.func.value), KerasObject) and node.func.attr.value in _DATA_METHODS:
            rewrite_data_call(plan, node, node.func.attr.value)
    rename_weights_files(plan)


def rename_weights_files(plan: Plan) -> None:
    """Plan names that end in ".weights.h5", as Keras 3 asks, for the weights that a program writes and reads."""
    uses: dict[str, list[tuple[str, cst.BaseExpression]]] = {}
    for node in plan.record.facts:
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute) or not node.args:
            continue
        word, path = node.func.attr.value, node.args[0].value
        is_weights = word in {"save_weights", "load_weights"} and isinstance(plan.fact(node.func.value), KerasObject)
        if is_weights and isinstance(path, cst.SimpleString):
            uses.setdefault(str(path.evaluated_value), []).append((word, path))
    for name, found in uses.items():
        if any(word == "save_weights" for word, _ in found) and not name.endswith((".weights.h5", ".keras")):
            stem = name[: -len(".h5")] if name.endswith(".h5") else name
            for _, path in found:
                plan.edits.replace_by_code(path, json.dumps(f"{stem}.weights.h5", ensure_ascii=False))
                plan.change(path, "RH201", "a", 'Keras 3 writes weights to files that end in ".weights.h5"')


def rewrite_data_call(plan: Plan, node: cst.Call, method: str) -> None:
    """Plan the changes of `fit`, `predict` and the like."""
    tf = plan.package_name("tensorflow")
    for argument in node.args:
        items = [argument.value]
        if isinstance(argument.value, (cst.Tuple, cst.List)):
            items = [element.value for element in argument.value.elements]
        for item in items:
            if isinstance(plan.fact(item), StringArray):
                if not tf:
                    plan.block(item, "RH201", "Keras 3 takes strings as tensors: import `tensorflow as tf`")
                plan.edits.replace(item, constant_of(tf, item))
                plan.change(item, "RH201", "a", "Keras 3 takes strings as tensors, not as arrays of objects")
    words = argument_words(node)
    if method == "predict" and "verbose" not in words and words.count("") < 3:
        plan.edits.replace(node, quiet_call(node))
        plan.change(node, "RH201", "a", "`predict` of TensorFlow 1 printed no progress")


def constant_of(tf: str, item: cst.BaseExpression) -> Builder:
    """Return a builder of `tf.constant(item)`."""

    def build(renderer: Renderer) -> Replacement:
        return cst.parse_expression(f"{tf}.constant({code_of(inside(renderer, item))})")

    return build


def quiet_call(node: cst.Call) -> Builder:
    """Return a builder of a call with `verbose=0`."""

    def build(renderer: Renderer) -> Replacement:
        arguments = [code_of(renderer.render(argument)).rstrip().rstrip(",") for argument in node.args]
        return cst.parse_expression(f"{renderer.code(node.func)}({', '.join([*arguments, 'verbose=0'])})")

    return build


def inside(renderer: Renderer, node: cst.CSTNode) -> cst.CSTNode:
    """Return a node with the edits in it, but not its own."""
    result = renderer.render_inside(node)
    assert isinstance(result, cst.CSTNode)
    return result
