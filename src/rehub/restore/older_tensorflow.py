"""Rewrite a model that a newer TensorFlow wrote, before the running one reads it."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from rehub import tf_internals
from rehub.restore.remote_directories import copy_model_bytes, read_model
from rehub.restore.scanned_copy import make_scanned_copy
from rehub.savedmodel import Layout, MetaGraph
from rehub.savedmodel.ops.newer_ops import NewerOps, find_newer_ops

if TYPE_CHECKING:
    from rehub.downgrade import Rewriting

_log = logging.getLogger(__name__)


def rewrite_if_newer(layout: Layout, metagraphs: tuple[MetaGraph, ...], label: str) -> tuple[Layout, Rewriting | None]:
    """Rewrite a model for the running TensorFlow, if a newer one wrote it with what the running one lacks.

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
    if written_by <= version:
        return layout, None
    from rehub.downgrade import needs_rewriting, rewrite_model  # Most models need none of it, and it needs protobuf.

    lacking = _find_lacking_ops()
    if not needs_rewriting(read_model(layout), version, lacking):
        return layout, None
    rewriting = rewrite_model(copy_model_bytes(layout), version, label, lacking)
    if rewriting is None:
        return layout, None
    for change in rewriting.changes:
        _log.debug("%r is rewritten for this TensorFlow: %s", label, change)
    for left_out in rewriting.left_out:
        _log.debug("%r is rewritten for this TensorFlow without %s", label, left_out)
    return make_scanned_copy(layout, rewriting.content), rewriting


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
