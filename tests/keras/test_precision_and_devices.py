"""Dtype policies, XLA and distribution strategies."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
import tensorflow as tf
from forked_programs import run_forked

import rehub as hub

only_tf2 = pytest.mark.skipif(tf.__version__.startswith("1."), reason="TensorFlow 1.15 has no stable dtype policies")


@pytest.fixture
def mixed_precision(keras):
    """Mixed precision as the global policy, for this test."""
    before = keras.mixed_precision.dtype_policy() if hasattr(keras.mixed_precision, "dtype_policy") else None
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy(before if before is not None else "float32")


@only_tf2
def test_a_global_policy_does_not_change_the_model_inside(keras, mixed_precision, reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    exact = x + np.float32(2**-20)  # lost in bfloat16 and float16
    result = layer(exact)
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, hub.load(reusable_model)(tf.constant(exact)))


@only_tf2
def test_a_model_with_mixed_precision_trains(keras, mixed_precision, reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    model = keras.Sequential([keras.layers.Input((3,)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = layer.resolved_object.kernel.numpy()
    model.fit(x, np.zeros((3, 1), np.float32), verbose=0)
    assert not np.allclose(before, layer.resolved_object.kernel.numpy())
    assert layer.resolved_object.kernel.dtype == tf.float32


@only_tf2
def test_outputs_are_cast_on_request(keras, reusable_model, x):
    layer = hub.KerasLayer(reusable_model, dtype="mixed_bfloat16")
    assert layer(x).dtype == tf.bfloat16
    assert tf.as_dtype(layer(keras.layers.Input((3,))).dtype) == tf.bfloat16
    again = hub.KerasLayer.from_config(layer.get_config())
    assert again(x).dtype == tf.bfloat16
    assert hub.KerasLayer(reusable_model)(x).dtype == tf.float32


def test_supports_jit_is_true_if_xla_can_compile_the_model(reusable_model, text_model, export):
    if tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 1.15 compiles no layers")

    class Loop(tf.train.Checkpoint):
        @tf.function(input_signature=[tf.TensorSpec([None])])
        def __call__(self, x):
            return tf.while_loop(lambda v: tf.reduce_sum(v) < 10.0, lambda v: (v * 2.0,), (x,))[0]

    assert hub.KerasLayer(reusable_model).supports_jit
    assert not hub.KerasLayer(text_model).supports_jit
    assert not hub.KerasLayer(export(Loop())).supports_jit
    layer = hub.KerasLayer(lambda inputs: inputs)
    assert layer.supports_jit
    layer.supports_jit = False
    assert not layer.supports_jit


_STRATEGY_SCRIPT = """
    import sys
    import numpy as np, tensorflow as tf
    if tf.__version__.startswith("1."):
        tf.compat.v1.enable_v2_behavior()
    cpus = tf.config.experimental.list_physical_devices("CPU")
    virtual = tf.config.experimental.VirtualDeviceConfiguration()
    tf.config.experimental.set_virtual_device_configuration(cpus[0], [virtual, virtual])
    import rehub as hub
    keras = tf.keras

    def train(strategy):
        with strategy.scope():
            layer = hub.KerasLayer(sys.argv[1], trainable=True)
            model = keras.Sequential([layer])
            model.compile(keras.optimizers.SGD(0.1), "mse")
        x = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]], np.float32)
        data = tf.data.Dataset.from_tensor_slices((x[[0, 0, 1, 1]], x[[0, 0, 1, 1]][:, :2])).batch(4)
        model.evaluate(data, verbose=0)
        model.fit(data, epochs=3, verbose=0, shuffle=False)
        return [v.numpy() for v in layer.resolved_object.trainable_variables]

    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert mirrored.num_replicas_in_sync == 2
    losses = train(mirrored)
    print("TRAINED", [np.isfinite(v).all() and not np.allclose(v, w) for v, w in zip(
        losses, [v.numpy() for v in hub.load(sys.argv[1]).trainable_variables])])
"""


def test_the_layer_trains_on_two_replicas(reusable_model):
    assert "TRAINED [True, True]" in run_forked(textwrap.dedent(_STRATEGY_SCRIPT), reusable_model)
