"""From the directory of a legacy module to an object that can be trained."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rehub import tf_internals
from rehub.legacy.saved_model import read_variants, variables_prefix
from rehub.restore import SignatureCall
from rehub.restore.io_device import read_here
from rehub.retrain.computations import Computations
from rehub.retrain.module import make_module
from rehub.savedmodel import Layout, MetaGraph


def can_retrain(tf: Any) -> bool:
    """Whether modules can be trained here: where a new variable is one of TF2, in eager mode or inside a function."""
    with tf.init_scope():
        return bool(tf.executing_eagerly()) and hasattr(tf, "__internal__")


def restore_legacy_module(
    tf: Any, layout: Layout, metagraph: MetaGraph, tags: frozenset[str] | None, options: Any, handle: str
) -> Any:
    """Restores a legacy module so that it can be trained.

    Args:
        tf: the TensorFlow module.
        layout: the directory.
        metagraph: the graph variant for inference, as it was read without TensorFlow.
        tags: of the variant that serves training and inference; None for that of training where there is one.
        options: a `tf.saved_model.LoadOptions`, or None.
        handle: what the user typed, for messages.

    Returns:
        An object that is called as `module(inputs, training=False, signature=None, as_dict=False)`.

    Raises:
        InvalidModule: its graph cannot be traced again; names the node.
    """
    options = read_here(tf, layout.path, options)
    device = getattr(options, "experimental_io_device", None) or ""

    def restore() -> Any:
        variants = read_variants(layout)
        computations = Computations(variants, tags, variables_prefix(layout.path), device, repr(handle))
        return make_module(tf, computations, SignatureCall(tf, metagraph.signatures, "default", handle))

    if tf_internals.v1_graphs.enclosing_function_graph(tf) is None:
        return restore()
    # In a thread of its own: here, a tf.function that is being traced would take the variables for its own.
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        return elsewhere.submit(restore).result()
