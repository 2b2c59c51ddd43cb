"""Nodes of TF1 graphs, changed so that the loader of TensorFlow 1.15 can import them and keeps models apart."""

from __future__ import annotations

import functools
from typing import Any

from rehub.tf_internals.ops import op_definition
from rehub.tf_internals.tensorflow import import_tensorflow


def make_importable(metagraph: Any) -> None:
    """Change a MetaGraphDef so that 1.15 imports it, and shares no variables and tables with other models.

    1.15 makes the shared name of a resource unique only if the attribute is in the file. Models that were written
    without default values, such as legacy modules, lack it. Then each inlined function would have its own variables,
    without values, and models in eager mode would share them.
    """
    is_old = metagraph.graph_def.versions.producer <= 21
    functions = (function.node_def for function in metagraph.graph_def.library.function)
    for nodes in (metagraph.graph_def.node, *functions):
        for node in nodes:
            if "shared_name" not in node.attr and _has_shared_name(node.op):
                node.attr["shared_name"].s = b""
            if is_old and node.op == "Placeholder" and not node.attr["shape"].shape.dim:
                node.attr["shape"].shape.unknown_rank = True
            if "GPU" in node.device.upper() and not _has_gpu():
                node.device = ""
    _correct_ranks(metagraph.graph_def)


def _correct_ranks(graph_def: Any) -> None:
    """Give ParseExample inputs of the ranks that shape inference asks for, and its kernel does not."""
    nodes = {node.name: node for node in graph_def.node}
    for node in [node for node in graph_def.node if node.op == "ParseExample"]:
        serialized = nodes[node.input[0].partition(":")[0]]
        if serialized.op == "Placeholder" and not serialized.attr["shape"].shape.dim:
            serialized.attr["shape"].shape.unknown_rank = True
        keys = node.attr["Nsparse"].i + node.attr["Ndense"].i
        for index in range(1, 2 + keys):
            name, _, number = node.input[index].partition(":")
            if number or nodes[name].op != "Const":
                continue
            if len(nodes[name].attr["value"].tensor.tensor_shape.dim) == int(index == 1):
                continue
            corrected = graph_def.node.add()
            corrected.CopyFrom(nodes[name])
            corrected.name = f"{node.name}/input_{index}"
            corrected.attr.pop("_output_shapes", None)
            corrected.attr["value"].tensor.tensor_shape.Clear()
            if index == 1:  # The names, which are for messages only.
                corrected.attr["value"].tensor.CopyFrom(import_tensorflow().make_tensor_proto([], dtype="string"))
            node.input[index] = corrected.name


@functools.lru_cache(maxsize=None)
def _has_shared_name(op: str) -> bool:
    definition = op_definition(op)
    return definition is not None and any(each.name == "shared_name" for each in definition.attr)


@functools.lru_cache(maxsize=None)
def _has_gpu() -> bool:
    return bool(import_tensorflow().config.experimental.list_physical_devices("GPU"))
