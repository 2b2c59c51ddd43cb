"""Optimizers in a SavedModel that TensorFlow's loader cannot make: of Keras 2 without it or in 1.15, and of TF1.

TensorFlow's loader needs Keras' class to make the slot variables of an optimizer, such as Adam's moments, and fails
without it: "'_UserObject' object has no attribute 'add_slot'" (https://github.com/tensorflow/tensorflow/issues/52370).
Here a class of rehub holds the slot variables that functions take. Most models have no such function: they are restored
without slot variables.
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.restore.remote_directories import copy_model_bytes, detect_layout_anywhere
from rehub.restore.scanned_copy import make_scanned_copy
from rehub.savedmodel import MetaGraph


def make_optimizers_restorable(metagraph: Any) -> tuple[str, ...]:
    """Let TensorFlow's loader make each optimizer that it cannot make, without slot variables that no function takes.

    Args:
        metagraph: a MetaGraphDef message, which is changed.

    Returns:
        What was left out, for the load report.
    """
    objects, written_by = metagraph.object_graph_def, metagraph.meta_info_def.tensorflow_version
    captured = {node_id for function in objects.concrete_functions.values() for node_id in function.bound_inputs}
    left_out = 0
    for node in objects.nodes:
        if not node.slot_variables or tf_internals.optimizers.can_revive(node.user_object.identifier, written_by):
            continue
        slots = [slot.slot_variable_node_id for slot in node.slot_variables]
        is_used = not captured.isdisjoint(slots)
        tf_internals.optimizers.make_restorable(node, with_slots=is_used)
        for node_id in slots if not is_used else ():
            objects.nodes[node_id].ClearField("variable")
            objects.nodes[node_id].user_object.identifier = "_generic_user_object"
            left_out += 1
    return (f"{left_out} slot variables of optimizers: no function takes them",) if left_out else ()


def copy_with_restorable_optimizers(path: str, metagraph: MetaGraph) -> tuple[str, tuple[str, ...]]:
    """Return the directory of a copy with such optimizers, and what was left out; the path itself if it has none."""
    written_by = metagraph.tensorflow_version
    if all(tf_internals.optimizers.can_revive(each, written_by) for each in metagraph.optimizer_identifiers()):
        return path, ()
    layout = detect_layout_anywhere(path, path)
    saved_model = tf_internals.protos.parse_message("SavedModel", copy_model_bytes(layout))
    if saved_model is None:
        return path, ()
    left_out = [text for each in saved_model.meta_graphs for text in make_optimizers_restorable(each)]
    return make_scanned_copy(layout, saved_model.SerializeToString()).path, tuple(left_out)
