"""Messages in TensorFlow's files, parsed by TensorFlow's own classes."""

from __future__ import annotations

import functools
import importlib
import os
import types
from typing import Any

from rehub.tf_internals.tensorflow import import_tensorflow


def new_saved_model() -> Any:
    """Return an empty SavedModel message."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel()


def parse_variable(serialized: bytes) -> Any:
    """Parse the VariableDef of a variable in a graph's collection."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.framework import variable_pb2

    return variable_pb2.VariableDef.FromString(serialized)


# Seen in 1.15, 2.15, 2.21; RegisteredGradient is missing in 1.15.
_MODULES = {
    "FunctionDef": "tensorflow.core.framework.function_pb2",
    "MetaGraphDef": "tensorflow.core.protobuf.meta_graph_pb2",
    "RegisteredGradient": "tensorflow.core.framework.function_pb2",
    "SavedModel": "tensorflow.core.protobuf.saved_model_pb2",
}


@functools.lru_cache(maxsize=None)
def _message_class(name: str) -> Any:
    return getattr(importlib.import_module(_MODULES[name]), name)


def has_handle_data() -> bool:
    """Whether arguments of functions can say the dtypes and shapes of variables. Seen in 2.15, 2.21; not in 1.15."""
    from tensorflow.core.framework import op_def_pb2

    return "handle_data" in op_def_pb2.OpDef.ArgDef.DESCRIPTOR.fields_by_name


def parse_message(name: str, content: bytes) -> Any:
    """Parse a message, such as a "FunctionDef"; return None if it is malformed."""
    from google.protobuf.message import DecodeError

    message = _message_class(name)()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    return message


def read_debug_info(path: str) -> Any:
    """Read the GraphDebugInfo message of a SavedModel directory; empty if it has none. Seen in 2.15, 2.21."""
    from tensorflow.core.framework import graph_debug_info_pb2
    from tensorflow.python.saved_model import constants, path_helpers

    tf = import_tensorflow()
    information = graph_debug_info_pb2.GraphDebugInfo()
    file = os.path.join(tf.compat.as_str(path_helpers.get_debug_dir(path)), constants.DEBUG_INFO_FILENAME_PB)
    if tf.io.gfile.exists(file):
        with tf.io.gfile.GFile(file, "rb") as content:
            information.ParseFromString(content.read())
    return information


def wrap_metagraph(metagraph: Any) -> Any:
    """Return a MetaGraph in the place of a SavedModel message, of which the loader reads only that.

    Seen in 2.15, 2.21.
    """
    return types.SimpleNamespace(meta_graphs=[metagraph])
