"""Restore a legacy module from its directory as an object that can be trained."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rehub import tf_internals
from rehub.legacy.saved_model import read_variants, variables_prefix
from rehub.restore import SignatureCall
from rehub.restore.local_io import with_local_io
from rehub.retrain.signature_functions import SignatureFunctions
from rehub.savedmodel import Layout, MetaGraph


def can_retrain() -> bool:
    """Whether modules can be trained here: where a new variable is one of TF2, in eager mode or inside a function."""
    tf = tf_internals.import_tensorflow()
    with tf.init_scope():
        return bool(tf.executing_eagerly()) and hasattr(tf, "__internal__")


def restore_legacy_module(
    layout: Layout, metagraph: MetaGraph, tags: frozenset[str] | None, options: Any, label: str
) -> Any:
    """Restore a legacy module so that it can be trained.

    Args:
        layout: the directory.
        metagraph: the graph variant for inference, as it was read without TensorFlow.
        tags: those of the variant for both training and inference; None for the one with the tag "train", if there is
            one, for training.
        options: a `tf.saved_model.LoadOptions`, or None.
        label: what messages call the module.

    Returns:
        An object that is called as `module(inputs, training=False, signature=None, as_dict=False)`.

    Raises:
        InvalidModule: its graph cannot be traced; names the node.
    """
    from rehub.retrain.module import LegacyModule

    options = with_local_io(layout.path, options)
    device = getattr(options, "experimental_io_device", None) or ""

    def restore_module() -> Any:
        variants = read_variants(layout)
        functions = SignatureFunctions(variants, tags, variables_prefix(layout.path), device, repr(label))
        return LegacyModule(functions, SignatureCall(metagraph.signatures, "default", label))

    if tf_internals.v1_graphs.enclosing_function_graph() is None:
        return restore_module()
    # In a thread of its own: a tf.function that is being traced in this one would lift the variables out of itself.
    with ThreadPoolExecutor(max_workers=1) as other_thread:
        return other_thread.submit(restore_module).result()
