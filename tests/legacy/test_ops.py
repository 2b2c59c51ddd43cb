"""A module with an op that TensorFlow lacks: the error names it, and is one of TensorFlow's classes."""

from __future__ import annotations

import pytest
from saved_models import rename_op, tf

import rehub as hub

v1 = tf.compat.v1


def replacing():
    words = v1.placeholder(tf.string, [None])
    hub.add_signature(inputs=words, outputs=tf.raw_ops.RegexReplace(input=words, pattern="a", rewrite="b"))


def test_a_missing_op_raises_a_not_found_error_that_names_it(export):
    path = export(replacing)
    rename_op(path, "NoSuchOpHere")
    spec = hub.load_module_spec(path)
    with tf.Graph().as_default(), pytest.raises(tf.errors.NotFoundError, match="NoSuchOpHere") as caught:
        hub.Module(spec)
    assert isinstance(caught.value, hub.errors.MissingOp)
