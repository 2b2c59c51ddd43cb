"""tensorflow_hub.tf_utils: files in TensorFlow's file systems, and kinds of tensors."""

from __future__ import annotations

import os
import uuid
from typing import Any

from rehub import tf_internals
from rehub.legacy.tensor_info import supported_types


def __getattr__(name: str) -> Any:
    if name == "SUPPORTED_ARGUMENT_TYPES":
        return supported_types()
    raise AttributeError(name)


def absolute_path(path: str) -> str:
    """Returns a path as an absolute one; one of a file system such as gs:// is so already."""
    return path if "://" in path else os.path.abspath(path)


def read_file_to_string(filename: str) -> str:
    """Returns the text of a file in any file system of TensorFlow's."""
    with tf_internals.import_tensorflow().io.gfile.GFile(filename, "r") as file:
        return str(file.read())


def atomic_write_string_to_file(filename: str, contents: str, overwrite: bool) -> None:
    """Writes a file in any file system of TensorFlow's: all of it, or nothing.

    Raises:
        tf.errors.AlreadyExistsError: it is there, and `overwrite` is false.
    """
    gfile = tf_internals.import_tensorflow().io.gfile
    aside = f"{filename}.{uuid.uuid4().hex}.tmp"
    try:
        with gfile.GFile(aside, "w") as file:
            file.write(contents)
        gfile.rename(aside, filename, overwrite)
    finally:
        if gfile.exists(aside):
            gfile.remove(aside)


def is_composite_tensor(x: Any) -> bool:
    """Whether it is made of several tensors, as a SparseTensor or a RaggedTensor is."""
    return get_composite_tensor_type_spec(x) is not None


def get_composite_tensor_type_spec(x: Any) -> Any:
    """Returns the `tf.TypeSpec` of a composite tensor; None for anything else."""
    spec = tf_internals.specs.type_spec_of(x)
    return None if spec is x or isinstance(spec, tf_internals.import_tensorflow().TensorSpec) else spec
