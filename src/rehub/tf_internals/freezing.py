"""Turn variables into constants, and graphs into bfloat16."""

from __future__ import annotations

from typing import Any, Iterable

from rehub.tf_internals import loader

_FREEZING_MODULES = {
    "tensorflow.python.framework.convert_to_constants": ("convert_variables_to_constants_v2",),
    "tensorflow.python.grappler.tf_optimizer": ("OptimizeGraph",),
    "tensorflow.python.saved_model.function_serialization": ("serialize_function",),
}


def find_incompatibility() -> str | None:
    """Return what optimizing needs and this TensorFlow lacks; None if nothing. As seen in 2.15, 2.21."""
    return loader.find_incompatibility() or loader.find_missing_name(_FREEZING_MODULES)


def freeze_variables(concrete: Any) -> Any:
    """Return a concrete function of one graph, in which the values of the variables are constants.

    Conditionals and loops are kept: TensorFlow lowers them when it runs the function. Called functions are inlined,
    also those whose stateful ops are not connected to their results, as in graphs of TF1: the converter does not
    convert lookups in variables in functions that are not inlined, and fails. Seen in 2.15, 2.21.
    """
    from tensorflow.python.framework import convert_to_constants

    return convert_to_constants.convert_variables_to_constants_v2(
        concrete, lower_control_flow=False, aggressive_inlining=True
    )


def convert_to_bfloat16(graph_def: Any, kept: Iterable[str]) -> Any:
    """Return a graph in which ops that gain by it are computed in bfloat16 on CPUs, with their constants.

    Grappler does this; TensorFlow has only a setting for the whole process. Seen in 2.15, 2.21.

    Args:
        graph_def: a graph without variables.
        kept: the names of the input and output tensors, which keep their dtypes.
    """
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    config = config_pb2.ConfigProto()
    rewrite_options = config.graph_options.rewrite_options
    # Fold batch norm's constants before they lose bits, and casts of constants after that. Then the original constants
    # are unused, and pruned.
    rewrite_options.optimizers.extend(
        ["constfold", "auto_mixed_precision_onednn_bfloat16", "constfold", "dependency", "pruning"]
    )
    rewrite_options.min_graph_nodes = -1
    meta_graph = meta_graph_pb2.MetaGraphDef(graph_def=graph_def)
    # Grappler keeps the nodes in this collection.
    meta_graph.collection_def["train_op"].node_list.value.extend(kept)
    return tf_optimizer.OptimizeGraph(config, meta_graph)
