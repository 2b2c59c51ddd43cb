"""Dtypes and shapes of variables that functions take, which TensorFlow before 2.5 or so does not write.

The gradient of a loop (while_v2.py, `_preprocess_grad`) takes an argument without them for one that has no gradient:
the weights of an RNN layer of such a model would not be trained, without an error.
"""

from __future__ import annotations

from typing import Any, Iterator

from rehub import tf_internals
from rehub.restore.remote_directories import copy_model_bytes, detect_layout_anywhere
from rehub.restore.scanned_copy import make_scanned_copy
from rehub.savedmodel import MetaGraph

_WRITTEN_SINCE = (2, 8)  # Seen in 2.8, not in 2.4.
_LOOPS = frozenset(["While", "StatelessWhile"])
# By op: its attributes that are functions, and how many of its inputs they do not take.
_CALLS = {
    **dict.fromkeys(("PartitionedCall", "StatefulPartitionedCall"), (("f",), 0)),
    **dict.fromkeys(("While", "StatelessWhile"), (("cond", "body"), 0)),
    **dict.fromkeys(("If", "StatelessIf"), (("then_branch", "else_branch"), 1)),
    **dict.fromkeys(("Case", "StatelessCase"), (("branches",), 1)),
}


def copy_with_variable_types(path: str, metagraph: MetaGraph) -> str:
    """Return the directory of a copy whose functions know the variables that they take; the path itself if not needed.

    Args:
        path: a directory with a SavedModel.
        metagraph: the MetaGraph to restore.
    """
    is_older = tf_internals.parse_version(metagraph.tensorflow_version) < _WRITTEN_SINCE
    if not is_older or not metagraph.has_objects or not tf_internals.protos.has_handle_data():
        return path
    if not _LOOPS.intersection(metagraph.used_ops()):
        return path
    layout = detect_layout_anywhere(path, path)
    saved_model = tf_internals.protos.parse_message("SavedModel", copy_model_bytes(layout))
    if saved_model is None or not sum(add_variable_types(each) for each in saved_model.meta_graphs):
        return path
    return make_scanned_copy(layout, saved_model.SerializeToString()).path


def add_variable_types(metagraph: Any) -> int:
    """Write the dtypes and shapes of variables to the arguments of functions; return to how many.

    Args:
        metagraph: a MetaGraphDef message, which is changed.
    """
    functions = {function.signature.name: function for function in metagraph.graph_def.library.function}
    found: dict[tuple[str, int], set[tuple[int, bytes]]] = {}
    changed = []
    for name, index, variable in _captured_variables(metagraph.object_graph_def, functions):
        found.setdefault((name, index), set()).add((variable.dtype, variable.shape.SerializeToString()))
        changed.append(name)
    while changed:
        name = changed.pop()
        for source, called, index in _passed_arguments(functions[name], functions):
            types = found.get((name, source), set())
            known = found.setdefault((called, index), set())
            if not types <= known:
                known |= types
                changed.append(called)
    count = 0
    for (name, index), types in found.items():
        argument = functions[name].signature.input_arg[index]
        dtypes = {dtype for dtype, _ in types}
        if len(dtypes) == 1 and not argument.handle_data:
            _write_common_shape(argument.handle_data.add(dtype=dtypes.pop()).shape, [shape for _, shape in types])
            count += 1
    return count


def _write_common_shape(common: Any, shapes: list[bytes]) -> None:
    """Write the shape that fits several variables to a TensorShapeProto: a size that differs is unknown."""
    common.ParseFromString(shapes[0])
    for content in shapes[1:]:
        other = type(common).FromString(content)
        if other.unknown_rank or len(other.dim) != len(common.dim):
            common.Clear()
            common.unknown_rank = True
        for size, other_size in zip(common.dim, other.dim):
            if size.size != other_size.size:
                size.size = -1


def _captured_variables(objects: Any, functions: dict[str, Any]) -> Iterator[tuple[str, int, Any]]:
    """Yield the name of each function, the index of its argument, and the SavedVariable that it is."""
    for name, concrete in objects.concrete_functions.items():
        if name in functions:
            first = len(functions[name].signature.input_arg) - len(concrete.bound_inputs)
            for index, number in enumerate(concrete.bound_inputs):
                if objects.nodes[number].WhichOneof("kind") == "variable":
                    yield name, first + index, objects.nodes[number].variable


def _passed_arguments(function: Any, functions: dict[str, Any]) -> Iterator[tuple[int, str, int]]:
    """Yield the index of each argument that a function passes on, the function that gets it, and its index there."""
    indices = {argument.name: index for index, argument in enumerate(function.signature.input_arg)}
    for node in function.node_def:
        attributes, skipped = _CALLS.get(node.op, ((), 0))
        called = [node.op] if node.op in functions else []
        for attribute in attributes:
            value = node.attr[attribute]
            called += [value.func.name] if value.HasField("func") else [each.name for each in value.list.func]
        for name in called:
            for index, tensor in enumerate(node.input[skipped:]):
                if tensor in indices and name in functions:
                    yield indices[tensor], name, index
