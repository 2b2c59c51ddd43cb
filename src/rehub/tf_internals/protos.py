"""Messages of TensorFlow's files, parsed by TensorFlow's own classes."""

from __future__ import annotations

import os
import types
from typing import Any

from rehub.tf_internals.tensorflow import import_tensorflow


def new_saved_model() -> Any:
    """Returns an empty SavedModel message, of the class that this TensorFlow brings."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel()


def parse_variable(serialized: bytes) -> Any:
    """Parses the VariableDef that a graph's collection has of a variable."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.framework import variable_pb2

    return variable_pb2.VariableDef.FromString(serialized)


def parse_saved_model(content: bytes) -> Any:
    """Returns a SavedModel message, None if the bytes are none."""
    return _parse(new_saved_model(), content)


def parse_metagraph(content: bytes) -> Any:
    """Returns a MetaGraphDef message, None if the bytes are none."""
    from tensorflow.core.protobuf import meta_graph_pb2

    return _parse(meta_graph_pb2.MetaGraphDef(), content)


def parse_function(content: bytes) -> Any:
    """Returns a FunctionDef message, None if the bytes are none."""
    from tensorflow.core.framework import function_pb2

    return _parse(function_pb2.FunctionDef(), content)


def parse_registered_gradient(content: bytes) -> Any:
    """Returns a RegisteredGradient message, None if the bytes are none."""
    from tensorflow.core.framework import function_pb2

    return _parse(function_pb2.RegisteredGradient(), content)


def _parse(message: Any, content: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    return message


def read_debug_info(path: str) -> Any:
    """Returns a directory's GraphDebugInfo message, empty where it has none. Seen in 2.15, 2.21."""
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
    """Returns what the loader reads of a SavedModel message: its MetaGraph. Seen in 2.15, 2.21."""
    return types.SimpleNamespace(meta_graphs=[metagraph])
