"""Restore a SavedModel with TensorFlow's own loader."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.restore.local_io import with_local_io
from rehub.restore.missing_gradients import register_missing_gradients
from rehub.restore.variable_names import keep_names


def load_with_tensorflow(path: str, tags: list[str] | None, options: Any | None, has_odd_names: bool) -> Any:
    """Return what `tf.saved_model.load` of TF2 makes of a directory, in every TensorFlow from 1.15 on.

    Args:
        path: a directory with a SavedModel.
        tags: the tag set of the MetaGraph to restore; None for the only one.
        options: a `tf.saved_model.LoadOptions`, or None.
        has_odd_names: whether it is a graph of TF1 with a signature that TensorFlow cannot call by its inputs' names.
    """
    register_missing_gradients()
    options = with_local_io(path, options)
    # Variables are made outside of the functions that are being traced; their names have to be kept there too.
    with tf_internals.import_tensorflow().init_scope(), keep_names():
        return tf_internals.loader.load_model(
            path, tags, has_odd_names, **({} if options is None else {"options": options})
        )
