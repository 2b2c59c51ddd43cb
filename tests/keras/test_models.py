"""The layer inside models of the Keras in use: built, trained, summarised."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub

pytestmark = pytest.mark.smoke


def test_a_layer_called_on_its_own_computes_what_the_model_computes(reusable_model, x, y):
    np.testing.assert_allclose(hub.KerasLayer(reusable_model)(x), y)


def test_a_layer_takes_raw_lists_of_strings(text_model):
    layer = hub.KerasLayer(text_model)
    np.testing.assert_allclose(layer(["good good", "bad unknown"]), [[0, 2, 4, 6], [12, 14, 16, 18]])


def test_a_layer_is_an_instance_of_the_layer_class_in_use(keras, reusable_model):
    layer = hub.KerasLayer(reusable_model)
    assert isinstance(layer, keras.layers.Layer)
    assert isinstance(layer, hub.KerasLayer)


def test_a_sequential_model_trains_the_restored_variables_themselves(keras, reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    before = [variable.numpy() for variable in layer.resolved_object.variables]
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, np.ones((3, 1), np.float32), epochs=2, verbose=0)
    after = [variable.numpy() for variable in layer.resolved_object.variables]
    assert all(not np.allclose(old, new) for old, new in zip(before, after))


def test_training_does_not_change_a_frozen_layer(keras, reusable_model, x):
    layer = hub.KerasLayer(reusable_model)
    before = [variable.numpy() for variable in layer.resolved_object.variables]
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    head = model.layers[-1]
    model.fit(x, np.ones((3, 1), np.float32), epochs=2, verbose=0)
    for old, variable in zip(before, layer.resolved_object.variables):
        np.testing.assert_array_equal(old, variable.numpy())
    assert not np.allclose(head.bias.numpy(), 0.0)


def test_training_follows_gradient_descent_by_hand(keras, reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    targets = np.zeros((3, 2), np.float32)
    inputs = keras.layers.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, targets, batch_size=3, epochs=3, verbose=0)

    reference = hub.load(reusable_model)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((reference(tf.constant(x), training=True) - targets) ** 2)
            loss += reference.regularization_losses[0]()
        for variable, gradient in zip(
            reference.trainable_variables, tape.gradient(loss, list(reference.trainable_variables))
        ):
            variable.assign_sub(0.1 * gradient)
    for expected, variable in zip(reference.variables, layer.resolved_object.variables):
        np.testing.assert_allclose(variable.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_a_functional_model_has_the_same_outputs(keras, reusable_model, x, y):
    inputs = keras.layers.Input((3,))
    model = keras.Model(inputs, hub.KerasLayer(reusable_model)(inputs))
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-6)
    assert tuple(model.output_shape) == (None, 2)


def test_a_subclassed_model_tracks_the_layers_weights(keras, reusable_model, x):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.features = hub.KerasLayer(reusable_model, trainable=True)
            self.head = keras.layers.Dense(1)

        def call(self, inputs, training=None):
            return self.head(self.features(inputs, training=training))

    model = Model()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    model.fit(x, np.ones((3, 1), np.float32), verbose=0)
    assert len(model.trainable_weights) == 4
    assert not np.allclose(model.features.resolved_object.mean.numpy(), 0.0), "the moving mean was updated"


def test_one_layer_applied_twice_shares_its_weights(keras, reusable_model):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    first, second = keras.layers.Input((3,)), keras.layers.Input((3,))
    model = keras.Model([first, second], keras.layers.Add()([layer(first), layer(second)]))
    assert len(model.trainable_weights) == 2
    assert len(model.losses) == 1


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="Keras of 1.15 lists a weight for each layer that has it")
def test_two_layers_on_one_object_train_its_weights_once_per_step(keras, bare_model, x):
    restored = hub.load(bare_model)
    left, right = (hub.KerasLayer(restored, trainable=True, name=name) for name in ("left", "right"))
    inputs = keras.layers.Input((3,))
    model = keras.Model(inputs, keras.layers.Add()([left(inputs), right(inputs)]))
    assert len(model.trainable_weights) == 1
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, np.zeros_like(x), batch_size=3, verbose=0)
    # The model computes 2 * (scale * x + offset) with scale 2 and offset 1; the loss is the mean of its square.
    gradient = np.mean(2.0 * 2.0 * (2.0 * x + 1.0) * 2.0 * x)
    np.testing.assert_allclose(restored.scale.numpy(), 2.0 - 0.1 * gradient, rtol=1e-5)


def test_evaluate_and_predict_do_not_change_the_state(keras, reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    model = keras.Sequential([layer])
    model.compile("sgd", "mse")
    model.evaluate(x, np.zeros((3, 2), np.float32), verbose=0)
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(layer.resolved_object.mean.numpy(), [0.0, 0.0, 0.0])


def test_the_layer_works_in_a_tf_function_and_in_a_tf_data_pipeline(reusable_model, text_model, x, y):
    layer = hub.KerasLayer(reusable_model)
    np.testing.assert_allclose(tf.function(layer)(tf.constant(x)), y)
    embed = hub.KerasLayer(text_model)
    dataset = tf.data.Dataset.from_tensor_slices(["good", "bad"]).batch(2).map(embed)
    np.testing.assert_allclose(next(iter(dataset)), [[0, 1, 2, 3], [4, 5, 6, 7]])


def test_gradients_reach_inputs_and_weights_through_a_tape(reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(layer(inputs, training=False))
    kernel, bias = layer.resolved_object.trainable_variables
    by_input, by_kernel, by_bias = tape.gradient(total, [inputs, kernel, bias])
    np.testing.assert_allclose(by_input, np.tile(kernel.numpy().sum(axis=1), (3, 1)))
    np.testing.assert_allclose(by_kernel, np.tile(x.sum(axis=0)[:, None], (1, 2)))
    np.testing.assert_allclose(by_bias, [3.0, 3.0])


def test_run_eagerly_trains_to_the_same_weights(keras, reusable_model, x):
    results = []
    for run_eagerly in (False, True):
        layer = hub.KerasLayer(reusable_model, trainable=True)
        model = keras.Sequential([layer])
        model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=run_eagerly)
        model.fit(x, np.zeros((3, 2), np.float32), batch_size=3, epochs=2, verbose=0)
        results.append([variable.numpy() for variable in layer.resolved_object.variables])
    for graph, eager in zip(*results):
        np.testing.assert_allclose(graph, eager, rtol=1e-5)


def test_the_summary_counts_trainable_weights(keras, reusable_model):
    def summary(layer):
        lines = []
        model = keras.Sequential([keras.layers.Input((3,)), layer])
        model.summary(print_fn=lambda line, **_: lines.append(line))
        text = "\n".join(lines)
        return [int(text.split(f"{kind} params: ")[1].split()[0]) for kind in ("Total", "Trainable", "Non-trainable")]

    assert summary(hub.KerasLayer(reusable_model, trainable=True)) == [11, 8, 3]
    assert summary(hub.KerasLayer(reusable_model, trainable=False)) == [11, 0, 11]
    assert summary(hub.KerasLayer(reusable_model, trainable="bias")) == [11, 2, 9]


def test_a_text_model_trains_in_a_sequential_model_as_in_the_tutorials(keras, text_model):
    layer = hub.KerasLayer(text_model, input_shape=[], dtype=tf.string, trainable=True)
    model = keras.Sequential()
    model.add(layer)
    model.add(keras.layers.Dense(16, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.summary(print_fn=lambda line, **_: None)
    assert tuple(model.output_shape) == (None, 1)
    model.compile(optimizer="adam", loss=keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    data = tf.data.Dataset.from_tensor_slices((["good", "bad", "good", "bad"], [1, 0, 1, 0])).batch(2)
    before = layer.resolved_object.embeddings.numpy()
    model.fit(data, epochs=2, shuffle=False, verbose=0)
    assert not np.allclose(before, layer.resolved_object.embeddings.numpy())


def test_an_input_shape_builds_the_model_at_once_as_in_the_tutorials(keras, reusable_model):
    model = keras.Sequential([hub.KerasLayer(reusable_model, input_shape=(3,)), keras.layers.Dense(4)])
    assert tuple(model.output_shape) == (None, 4)
    assert model.count_params() == 11 + 12


def test_a_dropped_layer_frees_its_variables(reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    layer(x, training=True)
    watched = [weakref.ref(layer), *(weakref.ref(variable) for variable in layer.resolved_object.variables)]
    del layer
    gc.collect()
    assert [reference() for reference in watched] == [None] * 4


def test_a_text_model_needs_no_input_shape(keras, text_model):
    model = keras.Sequential([hub.KerasLayer(text_model), keras.layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(model(tf.constant(["good", "bad"])), [[6.0], [22.0]])


def test_a_subclass_of_the_layer_is_a_layer_of_the_keras_in_use(keras, reusable_model, x, y):
    class Shifted(hub.KerasLayer):
        def __init__(self, shift, **kwargs):
            super().__init__(reusable_model, **kwargs)
            self.shift = shift

        def call(self, inputs, training=None):
            return super().call(inputs, training=training) + self.shift

    layer = Shifted(10.0)
    assert issubclass(Shifted, hub.KerasLayer) and isinstance(layer, keras.layers.Layer)
    np.testing.assert_allclose(layer(x), y + 10.0)


def test_mixed_input_names_of_a_dict_model_work_in_a_functional_model(keras, dict_model):
    inputs = {
        "ids": keras.layers.Input((4,), dtype="int32", name="ids"),
        "mask": keras.layers.Input((4,), dtype="float32", name="mask"),
    }
    outputs = hub.KerasLayer(dict_model, trainable=True)(inputs)
    assert tuple(outputs["default"].shape) == (None, 5)
    assert tuple(outputs["sequence"].shape) == (None, 4, 5)
    model = keras.Model(inputs, keras.layers.Dense(1)(outputs["default"]))
    model.compile("sgd", "mse")
    features = {"ids": np.zeros((2, 4), np.int32), "mask": np.ones((2, 4), np.float32)}
    model.fit(features, np.ones((2, 1), np.float32), verbose=0)
    assert not np.allclose(model.layers[-2].resolved_object.table.numpy(), np.eye(5))


def test_jit_is_off_if_the_ops_do_not_allow_it(keras, text_model, needs_keras_3):
    model = keras.Sequential([hub.KerasLayer(text_model, trainable=True), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensor_slices((["good", "bad"], [1.0, 0.0])).batch(2)
    model.fit(data, shuffle=False, verbose=0)
    assert not model.jit_compile


def test_jit_compile_trains_if_the_ops_allow_it(keras, reusable_model, x):
    if tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 1.15 has no jit_compile")
    layer = hub.KerasLayer(reusable_model, trainable=True)
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    before = layer.resolved_object.kernel.numpy()
    model.fit(x, np.zeros((3, 2), np.float32), verbose=0)
    assert not np.allclose(before, layer.resolved_object.kernel.numpy())
