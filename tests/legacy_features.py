"""What tests of the modules in `data/legacy_features` share with the program that makes and records these modules.

That program runs in TensorFlow 1.15, without rehub.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

FEATURES = Path(__file__).parent / "data" / "legacy_features"
RATE = 0.1  # The learning rate of recorded training.


# The graphs of the modules have its name only, so that it is registered for all programs that use them.
@tf.RegisterGradient("FeatureTripled")
def triple_gradient(op, gradient):
    return gradient * 3.0


def make_placeholders(arrays):
    """Return placeholders by key, and the inputs made from them. `x.indices` and so on are parts of an input `x`."""
    fed = {}
    for key, array in arrays.items():
        dtype = tf.string if array.dtype.kind in "OS" else tf.as_dtype(array.dtype)
        fed[key] = tf.compat.v1.placeholder(dtype, array.shape[1:], key.replace(".", "_"))
    return fed, join_parts(fed)


def join_parts(parts):
    """Return inputs by name, from the parts of sparse and ragged tensors and from whole dense tensors."""
    inputs = {key: part for key, part in parts.items() if "." not in key}
    for key, part in parts.items():
        name, _, kind = key.partition(".")
        if kind == "indices":
            inputs[name] = tf.SparseTensor(part, parts[name + ".values"], parts[name + ".dense_shape"])
        elif kind == "row_splits":
            inputs[name] = tf.RaggedTensor.from_row_splits(parts[name + ".flat_values"], part)
    return inputs


def flat_values(value):
    """Return the values of a sparse or ragged tensor, or a dense tensor itself."""
    if isinstance(value, tf.SparseTensor):
        return value.values
    return value.flat_values if isinstance(value, tf.RaggedTensor) else value


def compute_loss(outputs):
    """Return the mean square of each output that has gradients, less 0.5, summed."""
    values = [flat_values(outputs[name]) for name in sorted(outputs)]
    return tf.add_n([tf.reduce_mean(tf.square(value - 0.5)) for value in values if value.dtype.is_floating])
