"""tensorflow_hub.tf_utils: files in TensorFlow's file systems, and kinds of tensors."""

from __future__ import annotations

import os
from typing import Any

from rehub import tf_internals
from rehub.legacy.tensor_info import supported_types
from rehub.staging import staging_path


def __getattr__(name: str) -> Any:
    if name == "SUPPORTED_ARGUMENT_TYPES":
        return supported_types()
    raise AttributeError(name)


def absolute_path(path: str) -> str:
    """Return a path as an absolute path. A path with a scheme, such as gs://, is absolute already."""
    return path if "://" in path else os.path.abspath(path)


def read_file_to_string(filename: str) -> str:
    """Return the text of a file in any of TensorFlow's file systems."""
    with tf_internals.import_tensorflow().io.gfile.GFile(filename, "r") as file:
        return str(file.read())


def atomic_write_string_to_file(filename: str, contents: str, overwrite: bool) -> None:
    """Write a file in any of TensorFlow's file systems, completely or not at all.

    Raises:
        tf.errors.AlreadyExistsError: the file exists, and `overwrite` is false.
    """
    gfile = tf_internals.import_tensorflow().io.gfile
    with staging_path(filename, gfile) as staging:
        with gfile.GFile(staging, "w") as file:
            file.write(contents)
        gfile.rename(staging, filename, overwrite)


def is_composite_tensor(x: Any) -> bool:
    """Return whether a value consists of several tensors, such as a SparseTensor or a RaggedTensor."""
    return get_composite_tensor_type_spec(x) is not None


def get_composite_tensor_type_spec(x: Any) -> Any:
    """Return the `tf.TypeSpec` of a composite tensor; None of anything else."""
    spec = tf_internals.specs.type_spec_of(x)
    return None if spec is x or isinstance(spec, tf_internals.import_tensorflow().TensorSpec) else spec
