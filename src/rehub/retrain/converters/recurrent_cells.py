"""Cells of recurrent networks that TensorFlow 1.15's contrib gave gradients to, and TensorFlow 2 does not.

They are computed by ops that have gradients everywhere, so that a converted module works without rehub. What the
cells compute is in tensorflow/core/kernels/lstm_ops.h and gru_ops.h. Their gradients, in contrib/rnn/python/ops, use
only the cell's new state and output, and ignore that the state was clipped.
"""

from __future__ import annotations

from typing import Any, Sequence

from rehub import tf_internals
from rehub.retrain.context import Context, Converter, Scope
from rehub.retrain.graph import Node


def _convert_lstm_cell(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    tf = tf_internals.import_tensorflow()
    x, cs_prev, h_prev, w, wci, wcf, wco, b = context.get_input_tensors(node, scope)
    attr = node.attr
    forget_bias = attr["forget_bias"].f if "forget_bias" in attr else 1.0
    clip = attr["cell_clip"].f if "cell_clip" in attr else 3.0
    has_peephole = attr["use_peephole"].b

    gates = tf.nn.bias_add(tf.matmul(tf.concat([x, h_prev], 1), w), b)
    i, ci, f, o = tf.split(gates, 4, axis=1)
    i = tf.sigmoid(i + cs_prev * wci if has_peephole else i)
    f = f + tf.cast(forget_bias, f.dtype)
    f = tf.sigmoid(f + cs_prev * wcf if has_peephole else f)
    ci = tf.tanh(ci)
    cs = ci * i + f * cs_prev
    if clip > 0:
        limit = tf.cast(clip, cs.dtype)
        cs += tf.stop_gradient(tf.clip_by_value(cs, -limit, limit) - cs)
    o = tf.sigmoid(o + cs * wco if has_peephole else o)
    co = tf.tanh(cs)
    h = o * co
    i, f, o, ci, co = map(tf.stop_gradient, (i, f, o, ci, co))
    return [i, cs, f, o, ci, co, h]


def _convert_gru_cell(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    tf = tf_internals.import_tensorflow()
    x, h_prev, w_ru, w_c, b_ru, b_c = context.get_input_tensors(node, scope)
    r, u = tf.split(tf.sigmoid(tf.nn.bias_add(tf.matmul(tf.concat([x, h_prev], 1), w_ru), b_ru)), 2, axis=1)
    c = tf.tanh(tf.nn.bias_add(tf.matmul(tf.concat([x, h_prev * r], 1), w_c), b_c))
    h = u * h_prev + (1 - u) * c
    r, u, c = map(tf.stop_gradient, (r, u, c))
    return [r, u, c, h]


CONVERTERS: dict[str, Converter] = {
    "GRUBlockCell": _convert_gru_cell,
    "LSTMBlockCell": _convert_lstm_cell,
}
