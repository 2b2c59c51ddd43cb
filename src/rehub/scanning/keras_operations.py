"""Layers by which Keras 2 calls a function of TensorFlow, or runs an op, that the config names.

Keras makes them of operators in functional models, such as `tf.nn.relu(x)`. It calls them with the constants of the
config when it loads a model, so `io.write_file` there writes a file: see `tf_op_layer.py` in Keras' layers/core, and
`TensorFlowOpLayer` in its engine/base_layer.py.
"""

from __future__ import annotations

import functools
from typing import Any

from rehub.savedmodel.ops.op_classes import classify_op, list_ops

_CALLED_BY_NAME = {"TFOpLambda": "function", "SlicingOpLambda": "function", "ClassMethod": "cls_symbol"}
_RUNS_OP = "TensorFlowOpLayer"
OPERATION_LAYERS = (*_CALLED_BY_NAME, _RUNS_OP)

# Modules of TensorFlow whose functions compute.
_COMPUTING = frozenset(
    "__operators__ audio bitwise dtypes experimental.numpy experimental.numpy.random image keras.activations "
    "keras.backend keras.losses linalg linalg.experimental math math.special nn nn.experimental quantization ragged "
    "random random.experimental sets signal sparse strings".split()
)
_COMPUTING_BEGINNINGS = {
    "io": ("decode_", "deserialize_", "encode_", "parse_", "serialize_"),
    "debugging": ("assert_", "check_numerics", "is_"),
}
# What does more than its name says, or can: `print` into a file, for example.
_HARMFUL = frozenset(
    "function import_graph_def load_file_system_library load_library load_op_library numpy_function print py_func "
    "py_function io.decode_proto io.encode_proto raw_ops.Print raw_ops.PrintV2".split()
)


def is_harmful_operation(class_name: str, config: Any) -> bool:
    """Whether a layer of this class and config calls something of TensorFlow that is not known to compute only."""
    if class_name == _RUNS_OP:
        node = config.get("node_def") if isinstance(config, dict) else None
        # Keras also takes the bytes of a NodeDef, and writes them in no model.
        return not isinstance(node, dict) or _is_harmful_op(str(node.get("op")))
    if class_name in _CALLED_BY_NAME:
        return not isinstance(config, dict) or _is_harmful_symbol(str(config.get(_CALLED_BY_NAME[class_name])))
    return False


def _is_harmful_symbol(symbol: str) -> bool:
    """Whether a public name of TensorFlow, without `tf.`, is not known to compute only.

    >>> _is_harmful_symbol("math.add"), _is_harmful_symbol("io.write_file"), _is_harmful_symbol("raw_ops.WriteFile")
    (False, True, True)
    """
    bare = symbol[len("compat.v1.") :] if symbol.startswith("compat.v1.") else symbol
    module, _, name = bare.rpartition(".")
    if bare in _HARMFUL or name.replace("_", "").lower() in _read_harmful_names():
        return True
    if module == "raw_ops":
        return _is_harmful_op(name)
    return not (not module or module in _COMPUTING or name.startswith(_COMPUTING_BEGINNINGS.get(module, ())))


def _is_harmful_op(op: str) -> bool:
    return op in ("Print", "PrintV2") or classify_op(op).severity == "danger"


@functools.lru_cache(maxsize=None)
def _read_harmful_names() -> frozenset[str]:
    return frozenset(op.lower() for op in list_ops("danger"))
