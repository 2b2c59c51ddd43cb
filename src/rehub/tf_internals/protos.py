"""Messages in TensorFlow's files, parsed by TensorFlow's own classes."""

from __future__ import annotations

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


def parse_saved_model(content: bytes) -> Any:
    """Parse a SavedModel message; return None if it is malformed."""
    return _parse_message(new_saved_model(), content)


def parse_metagraph(content: bytes) -> Any:
    """Parse a MetaGraphDef message; return None if it is malformed."""
    from tensorflow.core.protobuf import meta_graph_pb2

    return _parse_message(meta_graph_pb2.MetaGraphDef(), content)


def parse_function(content: bytes) -> Any:
    """Parse a FunctionDef message; return None if it is malformed."""
    from tensorflow.core.framework import function_pb2

    return _parse_message(function_pb2.FunctionDef(), content)


def has_handle_data() -> bool:
    """Whether arguments of functions can say the dtypes and shapes of variables. Seen in 2.15, 2.21; not in 1.15."""
    from tensorflow.core.framework import op_def_pb2

    return "handle_data" in op_def_pb2.OpDef.ArgDef.DESCRIPTOR.fields_by_name


def parse_registered_gradient(content: bytes) -> Any:
    """Parse a RegisteredGradient message; return None if it is malformed."""
    from tensorflow.core.framework import function_pb2

    return _parse_message(function_pb2.RegisteredGradient(), content)


def _parse_message(message: Any, content: bytes) -> Any:
    from google.protobuf.message import DecodeError

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
