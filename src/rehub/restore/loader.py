"""Restore a SavedModel by the lazy loader where it can, else by TensorFlow's own."""

from __future__ import annotations

import logging
from typing import Any, Iterable

from rehub import tf_internals
from rehub.errors import UnsupportedFormat
from rehub.restore.copies import add_copy_methods_to_parts
from rehub.restore.garbage_collector import pause_collection
from rehub.restore.input_mismatch import explain_mismatches
from rehub.restore.lazy import LazyLoadUnsupported, load_lazily
from rehub.restore.local_io import with_local_io
from rehub.restore.missing_gradients import register_missing_gradients
from rehub.restore.missing_ops import ensure_ops_registered
from rehub.restore.pattern_free_paths import pattern_free_path
from rehub.restore.report import LoadReport, set_load_report
from rehub.restore.request import LoadRequest
from rehub.restore.retention import find_restored_functions, retain_captures
from rehub.restore.unknown_optimizers import copy_with_restorable_optimizers
from rehub.restore.variable_names import keep_names
from rehub.restore.variable_types import copy_with_variable_types
from rehub.savedmodel import MetaGraph
from rehub.savedmodel.used_ops import GRAPH_HOLDERS

_log = logging.getLogger(__name__)


def restore_model(request: LoadRequest, path: str, metagraph: MetaGraph, tags: list[str] | None) -> Any:
    """Return what `tf.saved_model.load` of TF2 makes of a directory, in every TensorFlow from 1.15 on.

    Its functions own what they capture.

    Args:
        path: a directory with the SavedModel: that of the request, or a copy of it.
        tags: its tag set; None for the only one.

    Raises:
        UnsupportedFormat: only TensorFlow's loader can restore it, and `loader="lazy"` was asked for.
        MissingOp: the model uses an op of a package that is not installed.
    """

    def ensure_ops(ops: Iterable[str]) -> None:
        nested = metagraph.nested_ops() if GRAPH_HOLDERS.intersection(ops) else ()
        ensure_ops_registered(ops, request.label, written_by=metagraph.tensorflow_version, wanted=nested)

    path = copy_with_variable_types(pattern_free_path(path), metagraph)
    reason = ""
    if request.policy.loader != "tensorflow":
        try:
            with pause_collection():
                obj, form, left_out = load_lazily(path, tags, request.options, ensure_ops, request.policy.prepare)
        except LazyLoadUnsupported as error:
            reason = str(error)
        else:
            set_load_report(obj, LoadReport("lazy", prepared=form, left_out=left_out))
            return obj
        if request.policy.loader == "lazy":
            raise UnsupportedFormat(
                f"{request.label!r} can be loaded by TensorFlow's loader only, and loader='lazy' was asked for: "
                f"{reason}. Leave it at 'auto'."
            )
        _log.debug("%r is loaded by TensorFlow's loader: %s", request.label, reason)
    ensure_ops(metagraph.used_ops())
    left_out = ()
    if metagraph.has_objects:
        path, left_out = copy_with_restorable_optimizers(path, metagraph)
    register_missing_gradients()
    options = with_local_io(path, request.options)
    # Variables are made outside of the functions that are being traced; their names have to be kept there too.
    with tf_internals.import_tensorflow().init_scope(), keep_names():
        obj = tf_internals.loader.load_model(path, tags, options, has_odd_names=_has_odd_names(metagraph))
    add_copy_methods_to_parts(obj)
    # Lazy functions retain what they capture, and build gradients under a lock, from the start.
    for trace in retain_captures(obj):
        tf_internals.gradients.lock_gradient_building(trace)
    explain_mismatches(find_restored_functions(obj), request.label)
    set_load_report(obj, LoadReport("tensorflow", reason, left_out=left_out))
    return obj


def _has_odd_names(metagraph: MetaGraph) -> bool:
    """Whether it is a graph of TF1 with a signature that TensorFlow cannot call by the names of its inputs."""
    names = ([slot.name for slot in signature.inputs] for signature in metagraph.signatures)
    return not metagraph.has_objects and not all(map(tf_internals.input_names.are_callable_names, names))
