"""Restore a model of TF1 from its directory as an object that can be trained."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rehub import tf_internals
from rehub.legacy.saved_model import read_variants, variables_prefix
from rehub.restore import SignatureCall
from rehub.restore.local_io import with_local_io
from rehub.retrain.module_parts import ModuleParts
from rehub.retrain.signature_functions import SignatureFunctions
from rehub.savedmodel import Layout, MetaGraph

_log = logging.getLogger(__name__)


def can_retrain() -> bool:
    """Whether modules can be trained here: where a new variable is one of TF2, in eager mode or inside a function."""
    is_tf2 = hasattr(tf_internals.import_tensorflow(), "__internal__")
    return is_tf2 and not tf_internals.v1_graphs.is_building_v1_graph()


def restore_traced(layout: Layout, metagraph: MetaGraph, tags: frozenset[str] | None, options: Any, label: str) -> Any:
    """Restore a legacy module or a TF1 SavedModel so that it can be trained.

    Args:
        metagraph: the graph variant for inference, as it was read without TensorFlow.
        tags: those of the variant for both training and inference; None for the one with the tag "train", if there is
            one, for training.

    Returns:
        An object that is called as `module(inputs, training=False, signature=None, as_dict=False)`.

    Raises:
        InvalidModule: its graph cannot be traced; names the node.
    """
    # It imports TensorFlow.
    from rehub.retrain.module import LegacyModule

    options = with_local_io(layout.path, options)
    device = getattr(options, "experimental_io_device", None) or ""

    def restore_module() -> Any:
        variants = read_variants(layout)
        functions = SignatureFunctions(variants, tags, variables_prefix(layout.path), device, repr(label))
        default = "default" if layout.is_legacy else "serving_default"
        signatures = tuple(map(functions.correct_dtypes, metagraph.signatures))
        return LegacyModule(functions, SignatureCall(signatures, default, label), layout.is_legacy)

    if tf_internals.v1_graphs.enclosing_function_graph() is None:
        return restore_module()
    # In a thread of its own: a tf.function that is being traced in this one would lift the variables out of itself.
    with ThreadPoolExecutor(max_workers=1) as other_thread:
        return other_thread.submit(restore_module).result()


def has_working_signature(obj: Any) -> bool:
    """Whether a signature of a model that `restore_traced` returned can be traced, or it has none.

    The others are traced when they are called, which then says what is wrong with them. One that lacks an input counts:
    `prune` makes a function that has it. So does one that needs a table whose content needs an input.
    """
    functions = ModuleParts.of_module(obj).functions
    names = functions.inference.signature_names()
    for name in names:
        try:
            functions.get_concrete_function(name, training=False)
        except Exception as error:  # noqa: BLE001  TensorFlow raises many when it traces
            _log.debug("Signature %r of %s cannot be traced: %s", name, functions.label, error)
            if functions.inference.unfed_placeholders(name) or functions.state.has_unfilled_tables():
                return True
        else:
            return True
    return not names
