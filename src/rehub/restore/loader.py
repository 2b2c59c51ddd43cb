"""Restores a SavedModel by the lazy loader where it can, else by TensorFlow's own, and tells which it was."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable

from rehub import tf_internals
from rehub.errors import UnsupportedFormat
from rehub.restore import garbage_collector
from rehub.restore.copies import add_copy_methods_to_parts
from rehub.restore.input_mismatch import explain_mismatches
from rehub.restore.lazy_loader import HandedOver, load_lazily
from rehub.restore.lazy_objects import note
from rehub.restore.missing_ops import ensure_ops_registered
from rehub.restore.ownership import own_captures, restored_functions_within
from rehub.restore.pattern_free_paths import pattern_free_path
from rehub.restore.tensorflow_loader import load_with_tensorflow
from rehub.savedmodel import MetaGraph
from rehub.savedmodel.used_ops import GRAPH_HOLDERS

if TYPE_CHECKING:
    from rehub.optimize import OptimizedFunction

_LOGGER = logging.getLogger(__name__)
_REPORT = "_rehub_load_report"


@dataclass(frozen=True)
class LoadReport:
    """How a restored object was made.

    Attributes:
        loader: "lazy", "tensorflow" (TensorFlow's own loader), or "retrain" (a legacy module, which is traced again).
        reason: why TensorFlow's loader was handed the model; "" where it was not, or was asked for.
        prepared: the directory of the prepared form from which its weights are mapped; "" if they are not.
        optimized: with `optimize="inference"`, what was measured of each signature and function, and chosen.
    """

    loader: str
    reason: str = ""
    prepared: str = ""
    optimized: tuple[OptimizedFunction, ...] = ()


def restore(
    tf: Any,
    path: str,
    handle: str,
    metagraph: MetaGraph,
    tags: list[str] | None,
    options: Any | None,
    loader: str,
    prepare: str,
) -> Any:
    """Returns what `tf.saved_model.load` of TF2 makes of a directory, in every TensorFlow from 1.15 on.

    Its functions own what they capture.

    Args:
        tf: the TensorFlow module.
        path: a directory with a SavedModel.
        handle: what the user typed, for messages.
        metagraph: the MetaGraph to restore.
        tags: its tag set; None for the only one.
        options: a `tf.saved_model.LoadOptions`, or None.
        loader: "lazy", "tensorflow", or "auto" for the first where it can.
        prepare: what is done about the model's prepared form: "use", "make" or "off".

    Raises:
        UnsupportedFormat: only TensorFlow's loader can, and `loader` is "lazy".
        MissingOp: the model uses an op of a package that is not installed; names it.
    """

    def ensure_ops(ops: Iterable[str]) -> None:
        nested = metagraph.nested_ops() if GRAPH_HOLDERS.intersection(ops) else ()
        ensure_ops_registered(tf, ops, handle, written_by=metagraph.tensorflow_version, wanted=nested)

    path = pattern_free_path(path)
    reason = ""
    if loader != "tensorflow":
        try:
            with garbage_collector.paused():
                obj, mapped_from = load_lazily(tf, path, tags, options, ensure_ops, prepare)
        except HandedOver as obstacle:
            reason = str(obstacle)
        else:
            report_on(obj, LoadReport("lazy", prepared=mapped_from))
            return obj
        if loader == "lazy":
            raise UnsupportedFormat(
                f"{handle!r} can be loaded by TensorFlow's loader only, and loader='lazy' was asked for: {reason}. "
                "Leave it at 'auto'."
            )
        _LOGGER.debug("%r is handed over to TensorFlow's loader: %s", handle, reason)
    ensure_ops(metagraph.used_ops())
    obj = load_with_tensorflow(tf, path, tags, options, _has_odd_names(metagraph))
    add_copy_methods_to_parts(obj)
    # A lazy function owns what it captures, and takes turns, from the start.
    for trace in own_captures(tf, obj):
        tf_internals.gradients.lock_gradient_building(trace)
    explain_mismatches(restored_functions_within(tf, obj), handle)
    report_on(obj, LoadReport("tensorflow", reason))
    return obj


def _has_odd_names(metagraph: MetaGraph) -> bool:
    """Whether it is a graph of TF1 with a signature that TensorFlow cannot call by the names of its inputs."""
    names = ([slot.name for slot in signature.inputs] for signature in metagraph.signatures)
    return not metagraph.has_objects and not all(map(tf_internals.input_names.are_callable_names, names))


def report_on(obj: Any, report: LoadReport) -> None:
    """Keeps with a restored object how it was made."""
    note(obj, _REPORT, report)


def load_report(obj: Any) -> LoadReport:
    """Tells how an object that `hub.load` returned was made: by which loader, and why not by the lazy one.

    Raises:
        TypeError: `hub.load` did not return it.
    """
    report = getattr(obj, _REPORT, None)
    if not isinstance(report, LoadReport):
        raise TypeError(f"hub.load_report takes what hub.load returned. Received: {obj!r}")
    return report
