"""RH108: prints of tensors and shapes. TensorFlow 1 printed names of tensors, and the shapes that its graph knew."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import UNKNOWN, Plain, Tensor


def rewrite_prints(plan: Plan) -> None:
    """Plan what takes the place of prints of parts of a graph."""
    record = plan.record
    for node in record.printed_shapes:
        plan.change(node, "RH108", "b", "a shape is printed, and eager mode knows all of its dimensions")
    for node in record.printed_tensors:
        plan.change(node, "RH108", "b", "a tensor is printed: TensorFlow 1 printed its name, eager mode its values")
    for node in record.graph_prints:
        remove_print(plan, node)
    for node in record.described_items:
        is_printed = any(isinstance(a, cst.Call) and code_of(a.func) == "print" for a in plan.ancestors(node))
        if is_printed:
            plan.change(node, "RH108", "b", "placeholders are printed, which are a description of inputs now")
        else:
            plan.block(node, "RH108", "a loop over the placeholders of a module's inputs")


def remove_print(plan: Plan, node: cst.Call) -> None:
    """Plan the removal of a print of a tensor that is a function now."""
    statement = plan.parents[node]
    values = [plan.fact(argument.value) for argument in node.args]
    says_more = any(
        not isinstance(value, Tensor) and not (isinstance(value, Plain) and value.constant is not UNKNOWN)
        for value in values
    )
    if not isinstance(statement, cst.Expr) or says_more:
        plan.block(node, "RH309", "a tensor of a graph is passed to `print`, which the rewriting cannot follow")
        return
    plan.edits.remove(statement)
    plan.change(
        node, "RH108", "b", "a print of a tensor is removed: the tensor, whose name it printed, is a function now"
    )
