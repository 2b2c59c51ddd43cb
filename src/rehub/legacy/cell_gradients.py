"""Gradients of the cells of recurrent networks that TensorFlow 1.15's contrib gave gradients to.

TensorFlow 2 has the cells, and the ops of their gradients, but does not know that they belong together, and neither
does TensorFlow 1.15 where contrib is not imported. The gradients here are made of these ops as those of contrib are
(tensorflow/contrib/rnn/python/ops/lstm_ops.py, gru_ops.py in TensorFlow 1.15).
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

from rehub import tf_internals


def _compute_lstm_gradient(op: Any, *incoming: Any) -> list[Any]:
    tf = tf_internals.import_tensorflow()
    x, cs_prev, h_prev, w, wci, wcf, wco, b = op.inputs
    i, cs, f, o, ci, co, _ = op.outputs
    cs_prev_gradient, gates, *of_peepholes = tf.raw_ops.LSTMBlockCellGrad(
        x=x,
        cs_prev=cs_prev,
        h_prev=h_prev,
        w=w,
        wci=wci,
        wcf=wcf,
        wco=wco,
        b=b,
        i=i,
        cs=cs,
        f=f,
        o=o,
        ci=ci,
        co=co,
        cs_grad=incoming[1],
        h_grad=incoming[6],
        use_peephole=op.get_attr("use_peephole"),
    )
    joined = tf.matmul(gates, w, transpose_b=True)
    x_gradient, h_prev_gradient = tf.split(joined, [tf.shape(x)[1], tf.shape(h_prev)[1]], axis=1)
    of_w = tf.matmul(tf.concat([x, h_prev], 1), gates, transpose_a=True)
    return [x_gradient, cs_prev_gradient, h_prev_gradient, of_w, *of_peepholes, tf.reduce_sum(gates, 0)]


def _compute_gru_gradient(op: Any, *incoming: Any) -> list[Any]:
    tf = tf_internals.import_tensorflow()
    x, h_prev, w_ru, w_c, b_ru, b_c = op.inputs
    r, u, c, _ = op.outputs
    of_x, of_h_prev, of_c, of_ru = tf.raw_ops.GRUBlockCellGrad(
        x=x, h_prev=h_prev, w_ru=w_ru, w_c=w_c, b_ru=b_ru, b_c=b_c, r=r, u=u, c=c, d_h=incoming[3]
    )
    of_w_ru = tf.matmul(tf.concat([x, h_prev], 1), of_ru, transpose_a=True)
    of_w_c = tf.matmul(tf.concat([x, h_prev * r], 1), of_c, transpose_a=True)
    return [of_x, of_h_prev, of_w_ru, of_w_c, tf.reduce_sum(of_ru, 0), tf.reduce_sum(of_c, 0)]


CELL_GRADIENTS: Mapping[str, Callable[..., list[Any]]] = {
    "GRUBlockCell": _compute_gru_gradient,
    "LSTMBlockCell": _compute_lstm_gradient,
}
