"""The objects of a TF2 SavedModel, as the loader of TensorFlow 1.15 can make them."""

from __future__ import annotations

from collections import Counter
from typing import Any

_GENERIC, _DICT = "_generic_user_object", "trackable_dict_wrapper"
_KINDS_OF_1_15 = frozenset(
    ["user_object", "asset", "function", "bare_concrete_function", "variable", "constant", "resource"]
)


def find_needed_functions(metagraph: Any) -> set[str]:
    """Return the names of the functions without which a model is useless: of signatures, tables and resources."""
    nodes = metagraph.object_graph_def.nodes
    needed = set()
    for node in nodes:
        is_resource = node.WhichOneof("kind") == "resource"
        for child in node.children:
            if is_resource or (node == nodes[0] and child.local_name == "signatures"):
                needed.update(_find_functions(nodes, child.node_id, depth=1))
    return needed


def _find_functions(nodes: Any, number: int, depth: int) -> set[str]:
    """Return the names of the functions that an object and its attributes are."""
    node = nodes[number]
    names = set(node.function.concrete_functions)
    if node.WhichOneof("kind") == "bare_concrete_function":
        names.add(node.bare_concrete_function.concrete_function_name)
    for child in node.children if depth else ():
        names.update(_find_functions(nodes, child.node_id, depth - 1))
    return names


def remove_functions(metagraph: Any, names: set[str]) -> None:
    """Remove functions from the objects."""
    objects = metagraph.object_graph_def
    for name in names & set(objects.concrete_functions):
        del objects.concrete_functions[name]
    for node in objects.nodes:
        if node.WhichOneof("kind") == "function":
            kept = [name for name in node.function.concrete_functions if name not in names]
            del node.function.concrete_functions[:]
            node.function.concrete_functions.extend(kept)
            node.function.SetInParent()
        elif node.bare_concrete_function.concrete_function_name in names:
            make_plain(node)


def make_plain(node: Any) -> None:
    """Make an object one without a meaning of its own."""
    kind = node.WhichOneof("kind")
    if kind is not None:
        node.ClearField(kind)
    node.user_object.identifier = _GENERIC


def find_functions_without_captures(metagraph: Any, keep_optimizers: bool) -> dict[str, str]:
    """Return why TensorFlow 1.15 cannot have some functions, by their names: it does not have what they take.

    Functions that compute gradients take tensors of other functions, and those that train take optimizers' variables.
    """
    objects = metagraph.object_graph_def
    nodes = objects.nodes
    tensors = {number for number, node in enumerate(nodes) if node.WhichOneof("kind") not in _KINDS_OF_1_15}
    optimizers = [node for node in nodes if node.slot_variables and not keep_optimizers]
    states = {slot.slot_variable_node_id for node in optimizers for slot in node.slot_variables}
    states.update(child.node_id for node in optimizers for child in node.children)
    reasons, needed = {}, find_needed_functions(metagraph)
    for name, function in objects.concrete_functions.items():
        if tensors.intersection(function.bound_inputs):
            reasons[name] = "it takes a tensor inside of another function"
        elif name not in needed and states.intersection(function.bound_inputs):
            reasons[name] = "it takes a variable of an optimizer, which is not restored"
    return reasons


def rewrite_objects(metagraph: Any, changes: Counter[str], keep_optimizers: bool) -> None:
    """Change the objects that the loader of TensorFlow 1.15 cannot make."""
    nodes = metagraph.object_graph_def.nodes
    if nodes[0].WhichOneof("kind") in ("function", "bare_concrete_function"):
        changes["object function: one that calls it"] += 1
        _call_by_object(nodes)
    # Its own optimizers do not make the slot variables of newer ones, and fail with a KeyError.
    optimizers = {number for number, node in enumerate(nodes) if node.slot_variables and not keep_optimizers}
    for node in nodes if optimizers else ():
        del node.slot_variables[:]
        for index in reversed(range(len(node.children))):
            if node.children[index].node_id in optimizers:
                changes["object optimizer: left out"] += 1
                del node.children[index]
    for number in optimizers:
        make_plain(nodes[number])
    for node in nodes:
        kind = node.WhichOneof("kind")
        if kind not in _KINDS_OF_1_15:
            make_plain(node)
            changes[f"object {kind}: a plain object"] += 1
        elif node.user_object.identifier == _DICT:
            # "this __dict__ descriptor does not support '_DictWrapper' objects", with wrapt from 1.15 on.
            node.user_object.identifier = _GENERIC
            changes["object dict: a plain object"] += 1
    if optimizers:
        _remove_unused_variables(metagraph.object_graph_def)


def _call_by_object(nodes: Any) -> None:
    """Let the root be an object whose call is the function that was saved: 1.15 restores no function as the root."""
    function = nodes.add()
    function.CopyFrom(nodes[0])
    del function.children[:]
    make_plain(nodes[0])
    nodes[0].children.add(node_id=len(nodes) - 1, local_name="__call__")


def _remove_unused_variables(objects: Any) -> None:
    """Make plain the variables of optimizers that are left out, which would have no values.

    A variable without a value cannot be initialized: `tf.compat.v1.global_variables_initializer()` fails. Those that a
    function captures are kept.
    """
    used, waiting = {0}, [0]
    while waiting:
        children = {child.node_id for child in objects.nodes[waiting.pop()].children} - used
        used.update(children)
        waiting.extend(children)
    used.update(number for function in objects.concrete_functions.values() for number in function.bound_inputs)
    for number, node in enumerate(objects.nodes):
        if number not in used and node.WhichOneof("kind") == "variable":
            make_plain(node)
