"""Rewrite a model that a newer TensorFlow wrote, or one with removed ops, before the running TensorFlow reads it."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.restore.pattern_free_paths import pattern_free_path
from rehub.restore.remote_directories import copy_model_bytes, read_model
from rehub.restore.scanned_copy import make_scanned_copy
from rehub.savedmodel import Layout, MetaGraph
from rehub.savedmodel.ops.newer_ops import NewerOps, find_newer_ops

if TYPE_CHECKING:
    from rehub.downgrade import Rewriting

_log = logging.getLogger(__name__)

# Some models have to be rewritten whichever TensorFlow wrote them: 1.15 cannot load dicts with wrapt 1.15 or newer, and
# TensorFlow 2 has no kernel for this op any more.
_DICT, _REMOVED_OP = b"trackable_dict_wrapper", b"BoostedTreesBucketize"


def rewrite_if_newer(layout: Layout, metagraphs: tuple[MetaGraph, ...], label: str) -> tuple[Layout, Rewriting | None]:
    """Rewrite a model for the running TensorFlow, if it has what that lacks, as a newer or a much older one wrote it.

    Args:
        layout: the model's directory.
        metagraphs: its graph variants.
        label: what messages call the model.

    Returns:
        The directory to load it from, the same if nothing was rewritten; and what was rewritten.

    Raises:
        MissingOp: what it needs cannot be said in the ops of the running TensorFlow.
    """
    version = tf_internals.tensorflow_version()
    written_by = max(tf_internals.parse_version(each.tensorflow_version) for each in metagraphs)
    is_unsupported = read_model(layout).find(_REMOVED_OP if version >= (2, 0) else _DICT) >= 0
    if written_by <= version and not is_unsupported:
        return layout, None
    from rehub.downgrade import needs_rewriting, rewrite_model  # Most models need none of it.

    lacking = _find_lacking_ops()
    if not is_unsupported and not needs_rewriting(read_model(layout), version, lacking):
        return layout, None
    read_tensor = functools.partial(read_checkpoint_tensor, layout.path)
    rewriting = rewrite_model(copy_model_bytes(layout), version, label, read_tensor, lacking, keep_optimizers=True)
    if rewriting is None:
        return layout, None
    for change in rewriting.changes:
        _log.debug("%r is rewritten for this TensorFlow: %s", label, change)
    for left_out in rewriting.left_out:
        _log.debug("%r is rewritten for this TensorFlow without %s", label, left_out)
    return make_scanned_copy(layout, rewriting.content), rewriting


def read_checkpoint_tensor(path: str, key: str) -> Any:
    """Read a tensor of a SavedModel's checkpoint, also in an object store, as a NumPy array.

    Raises:
        CorruptModel: it cannot be read.
    """
    import numpy as np

    tf = tf_internals.import_tensorflow()
    prefix = f"{pattern_free_path(path)}/variables/variables"
    try:
        value = tf.train.load_checkpoint(prefix).get_tensor(key)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise CorruptModel(f"{key!r} in the checkpoint {prefix!r} cannot be read: {error}") from error
    return np.asarray(value, dtype=object if isinstance(value, bytes) else None)  # Texts of NumPy lose zeros at ends.


@functools.lru_cache(maxsize=None)
def _find_lacking_ops() -> NewerOps:
    """Return what the running TensorFlow lacks. It may be between two versions that the table has."""
    known = find_newer_ops(tf_internals.tensorflow_version())
    attributes = {}
    for op, defaults in known.attributes.items():
        lacking = tf_internals.ops.missing_attributes(op, defaults)
        if lacking:
            attributes[op] = {name: defaults[name] for name in lacking}
    return NewerOps(frozenset(tf_internals.ops.missing_ops(known.ops)), attributes)
