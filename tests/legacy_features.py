"""The modules of `data/legacy_features`, and the gradients that they name, which are those of the program that made
them.

They are registered when this is imported, once for the process.
"""

from __future__ import annotations

from pathlib import Path

from saved_models import tf

FEATURES = Path(__file__).parent / "data" / "legacy_features"


@tf.RegisterGradient("FeatureTripled")
def tripled(op, gradient):
    return gradient * 3.0


def dense(value):
    """The values of a sparse or ragged tensor, or a tensor itself."""
    if isinstance(value, tf.SparseTensor):
        return value.values
    return value.flat_values if isinstance(value, tf.RaggedTensor) else value


def loss_of(outputs):
    """The mean square of all outputs that have gradients, each less 0.5."""
    values = [dense(outputs[name]) for name in sorted(outputs)]
    return tf.add_n([tf.reduce_mean(tf.square(value - 0.5)) for value in values if value.dtype.is_floating])
