"""Modules with recurrent networks."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from feature import feature, floats, integers
from loops import signature
from tensorflow import contrib


def cell(kind=tf.nn.rnn_cell.BasicLSTMCell, units=3):
    return kind(units)


@feature(x=floats(2, 4, 2), lengths=integers(5, 2))
def dynamic_rnn():
    x, lengths = tf.placeholder(tf.float32, [None, None, 2]), tf.placeholder(tf.int32, [None])
    outputs, state = tf.nn.dynamic_rnn(cell(), x, lengths, dtype=tf.float32)
    signature({"y": outputs, "c": state.c}, x=x, lengths=lengths)


@feature(x=floats(2, 3, 2), lengths=integers(4, 2, low=1))
def bidirectional_dynamic_rnn():
    x, lengths = tf.placeholder(tf.float32, [None, None, 2]), tf.placeholder(tf.int32, [None])
    cells = cell(tf.nn.rnn_cell.BasicRNNCell, 2), cell(tf.nn.rnn_cell.BasicRNNCell, 2)
    outputs, _ = tf.nn.bidirectional_dynamic_rnn(*cells, x, lengths, dtype=tf.float32)
    signature(tf.concat(outputs, -1), x=x, lengths=lengths)


@feature(x=floats(2, 3, 2), lengths=integers(4, 2))
def static_rnn():
    x, lengths = tf.placeholder(tf.float32, [None, 3, 2]), tf.placeholder(tf.int32, [None])
    rnn = cell(tf.nn.rnn_cell.BasicRNNCell, 2)
    outputs, _ = tf.nn.static_rnn(rnn, tf.unstack(x, axis=1), sequence_length=lengths, dtype=tf.float32)
    signature(tf.stack(outputs), x=x, lengths=lengths)


@feature(x=floats(2, 3, 2))
def raw_rnn():
    x = tf.placeholder(tf.float32, [2, 3, 2])
    lstm = cell(units=2)
    inputs = tf.TensorArray(tf.float32, 3).unstack(tf.transpose(x, [1, 0, 2]))

    def loop_fn(time, output, state, _):
        state = lstm.zero_state(2, tf.float32) if output is None else state
        finished = time >= 3
        following = tf.cond(finished, lambda: tf.zeros([2, 2]), lambda: inputs.read(time))
        return tf.fill([2], finished), following, state, output, None

    outputs, state, _ = tf.nn.raw_rnn(lstm, loop_fn)
    signature({"y": outputs.stack(), "h": state.h}, x=x)


@feature(x=floats(2, 3, 2))
def layer_norm_lstm():
    x = tf.placeholder(tf.float32, [None, 3, 2])
    outputs, _ = tf.nn.dynamic_rnn(contrib.rnn.LayerNormBasicLSTMCell(3), x, dtype=tf.float32)
    signature(outputs, x=x)


@feature(x=floats(2, 3, 2))
def keras_recurrent_layers():
    x = tf.placeholder(tf.float32, [None, 3, 2])
    y = tf.keras.layers.LSTM(2, return_sequences=True)(x)
    signature(tf.keras.layers.Dense(2, "relu")(tf.keras.layers.GRU(2)(y)), x=x)


@feature(x=floats(2, 3, 2))
def fused_lstm():
    x = tf.placeholder(tf.float32, [None, 3, 2])
    outputs, _ = contrib.rnn.LSTMBlockFusedCell(2)(tf.transpose(x, [1, 0, 2]), dtype=tf.float32)
    signature(outputs, x=x)


@feature(x=floats(2, 3, 2), lengths=integers(4, 2))
def block_cells():
    x, lengths = tf.placeholder(tf.float32, [None, None, 2]), tf.placeholder(tf.int32, [None])
    peephole = contrib.rnn.LSTMBlockCell(2, use_peephole=True, cell_clip=0.2, name="peephole")
    cells = contrib.rnn.LSTMBlockCell(3, forget_bias=0.5), peephole, contrib.rnn.GRUBlockCellV2(2)
    outputs = {}
    for number, block_cell in enumerate(cells):
        with tf.variable_scope(f"rnn_{number}"):
            outputs[str(number)], _ = tf.nn.dynamic_rnn(block_cell, x, lengths, dtype=tf.float32)
    signature(outputs, x=x, lengths=lengths)
