"""Optimizers of Keras 2 in a SavedModel, where no Keras 2 is installed: restore the model without their variables.

TensorFlow's loader needs Keras' class to make the slot variables of an optimizer, such as Adam's moments, and fails
without it: "'_UserObject' object has no attribute 'add_slot'" (https://github.com/tensorflow/tensorflow/issues/52370).
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.restore.remote_directories import copy_model_bytes, detect_layout_anywhere
from rehub.restore.scanned_copy import make_scanned_copy


def leave_out_slot_variables(objects: Any) -> tuple[str, ...]:
    """Make plain objects of the slot variables of optimizers that no installed Keras has.

    Args:
        objects: a SavedObjectGraph message, which is changed.

    Returns:
        What was left out, for the load report.
    """
    captured = {node_id for function in objects.concrete_functions.values() for node_id in function.bound_inputs}
    left_out = 0
    for node in objects.nodes:
        if not node.slot_variables or tf_internals.objects.can_revive_optimizer(node.user_object):
            continue
        for slot in node.slot_variables:
            if slot.slot_variable_node_id not in captured:
                variable = objects.nodes[slot.slot_variable_node_id]
                variable.ClearField("variable")
                variable.user_object.identifier = "_generic_user_object"
                left_out += 1
        del node.slot_variables[:]
    return (f"{left_out} variables of an optimizer of Keras 2, which is not installed",) if left_out else ()


def copy_without_slot_variables(path: str) -> tuple[str, tuple[str, ...]]:
    """Return the directory of a copy without such variables, and what was left out; the path itself if nothing was."""
    if not tf_internals.objects.can_lack_optimizers():
        return path, ()
    layout = detect_layout_anywhere(path, path)
    content = copy_model_bytes(layout)
    # A large model takes long to parse.
    saved_model = tf_internals.protos.parse_message("SavedModel", content) if b"optimizer" in content else None
    if saved_model is None:
        return path, ()
    left_out = [text for each in saved_model.meta_graphs for text in leave_out_slot_variables(each.object_graph_def)]
    if not left_out:
        return path, ()
    return make_scanned_copy(layout, saved_model.SerializeToString()).path, tuple(left_out)
