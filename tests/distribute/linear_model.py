"""A TF2 SavedModel that programs of a cluster train."""

from __future__ import annotations

import tensorflow as tf


def save_linear_model(path, regularized=False):
    """Save x -> x @ [[1, 2]], if `regularized` with a regularization loss. Return the path as text."""
    root = tf.train.Checkpoint(w=tf.Variable([[1.0, 2.0]]))
    root.variables = root.trainable_variables = [root.w]
    call = tf.function(lambda x, training=False: tf.matmul(x, root.w))
    for training in (True, False):
        call.get_concrete_function(tf.TensorSpec([None, 1], tf.float32), training=training)
    root.__call__ = call
    if regularized:
        root.regularization_losses = [tf.function(lambda: 0.01 * tf.reduce_sum(root.w**2), input_signature=[])]
    tf.saved_model.save(root, str(path))
    return str(path)
