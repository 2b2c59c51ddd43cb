"""A conditional of TF1, made of Switches and Merges, becomes one `tf.cond`."""

from __future__ import annotations

from typing import Any, Callable

from rehub import tf_internals
from rehub.retrain.context import Context, Scope
from rehub.retrain.graph import Branch, Conditional, NodeOutput


def convert_conditional(context: Context, conditional: Conditional, scope: Scope) -> None:
    """Trace a conditional. Its values and operations go into the scope."""
    tf = tf_internals.import_tensorflow()
    sources = context.program.flow.branches_of_merge

    def make_side(taken: bool) -> Callable[[], list[Any]]:
        def trace_side() -> list[Any]:
            branch = Branch(conditional.predicate, taken)
            inside = Scope(tf.compat.v1.get_default_graph(), scope, branch)
            values = [context.get_tensor(sources[merge][branch], inside, merge) for merge in conditional.merges]
            for when, effect in conditional.effects:
                if when is taken:
                    context.run_effect(effect, inside)
            return [*values, tf.constant(int(taken))]

        return trace_side

    scope.traced.add(conditional)
    predicate = context.get_tensor(conditional.predicate, scope)
    *values, which = tf.compat.v2.cond(predicate, make_side(True), make_side(False))
    # The first input of a Merge of TF1 is that of the branch not taken.
    for merge, value in zip(conditional.merges, values):
        scope.values[NodeOutput(merge, 0)] = value
        scope.values[NodeOutput(merge, 1)] = which
        scope.operations[merge] = scope.operations_of(which)
        scope.traced.add(merge)
