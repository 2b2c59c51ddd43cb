"""Variables turned into constants, and graphs into bfloat16."""

from __future__ import annotations

from typing import Any, Iterable

from rehub.tf_internals import loader

_FREEZING_MODULES = {
    "tensorflow.python.framework.convert_to_constants": ("convert_variables_to_constants_v2",),
    "tensorflow.python.grappler.tf_optimizer": ("OptimizeGraph",),
    "tensorflow.python.saved_model.function_serialization": ("serialize_function",),
}


def find_incompatibility() -> str | None:
    """What of TensorFlow is not as optimizing needs it; None if all is. As seen in 2.15, 2.21."""
    return loader.find_incompatibility() or loader.find_missing_name(_FREEZING_MODULES)


def freeze_variables(concrete: Any) -> Any:
    """Returns a concrete function of one graph, in which the values of the variables are constants.

    Conditionals and loops stay as they are: TensorFlow lowers them when it runs the function. The functions that it
    calls are inlined, also those whose ops with a state are not tied to their results, as in graphs of TF1: in others
    the converter leaves lookups in variables as they are, and fails. Seen in 2.15, 2.21.
    """
    from tensorflow.python.framework import convert_to_constants

    return convert_to_constants.convert_variables_to_constants_v2(
        concrete, lower_control_flow=False, aggressive_inlining=True
    )


def convert_to_bfloat16(graph_def: Any, kept: Iterable[str]) -> Any:
    """Returns a graph in which what gains by it is computed in bfloat16 on CPUs, its constants included.

    Grappler does it, which TensorFlow otherwise has do so for a whole process. Seen in 2.15, 2.21.

    Args:
        graph_def: a graph without variables.
        kept: the names of tensors that go in and come out; they stay as they are.
    """
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    config = config_pb2.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    # Batch norm's constants are computed before they lose bits, and casts of constants after that. Then nothing waits
    # for the constants that these were made of, and they can go.
    rewriting.optimizers.extend(
        ["constfold", "auto_mixed_precision_onednn_bfloat16", "constfold", "dependency", "pruning"]
    )
    rewriting.min_graph_nodes = -1
    meta_graph = meta_graph_pb2.MetaGraphDef(graph_def=graph_def)
    # What this collection names, Grappler keeps.
    meta_graph.collection_def["train_op"].node_list.value.extend(kept)
    return tf_optimizer.OptimizeGraph(config, meta_graph)
