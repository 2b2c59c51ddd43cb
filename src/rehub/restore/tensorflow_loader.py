"""Restores a SavedModel with TensorFlow's own loader."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.restore.io_device import read_here
from rehub.restore.variable_names import names_kept


def load_with_tensorflow(
    tf: Any, path: str, tags: list[str] | None, options: Any | None, has_odd_names: bool = False
) -> Any:
    """Returns what `tf.saved_model.load` of TF2 makes of a directory, in every TensorFlow from 1.15 on.

    Args:
        tf: the TensorFlow module.
        path: a directory with a SavedModel.
        tags: the tag set of the MetaGraph to restore; None for the only one.
        options: a `tf.saved_model.LoadOptions`, or None.
        has_odd_names: whether it is a graph of TF1 with a signature that TensorFlow cannot call by its inputs' names.
    """
    options = read_here(tf, path, options)
    # Variables are made outside of the functions that are being traced, which is where names are to be kept too.
    with tf.init_scope(), names_kept(tf):
        return tf_internals.loader.load_model(
            path, tags, has_odd_names, **({} if options is None else {"options": options})
        )
