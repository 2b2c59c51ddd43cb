"""Which variables are weights, which of them train, and when their losses count."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import NotTrainable


def _shapes(weights):
    return [tuple(weight.shape) for weight in weights]


def test_weights_are_the_restored_variables_in_their_order(reusable_model):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    assert _shapes(layer.trainable_weights) == [(3, 2), (2,)]
    assert _shapes(layer.non_trainable_weights) == [(3,)]
    layer.resolved_object.bias.assign([7.0, 8.0])
    np.testing.assert_array_equal(layer.get_weights()[1], [7.0, 8.0])
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    np.testing.assert_array_equal(layer.resolved_object.kernel.numpy(), np.zeros((3, 2)))


def test_trainable_can_be_flipped_after_construction(reusable_model):
    layer = hub.KerasLayer(reusable_model)
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 3
    layer.trainable = True
    assert _shapes(layer.trainable_weights) == [(3, 2), (2,)]
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.weights) == 3


def test_a_hand_written_model_as_in_tensorflow_hubs_documentation(export):
    class MyMulModel(tf.train.Checkpoint):
        def __init__(self, v_init):
            super().__init__()
            self.v = tf.Variable(v_init)
            self.variables = [self.v]
            self.trainable_variables = [self.v]
            self.regularization_losses = [tf.function(input_signature=[])(lambda: 0.001 * self.v**2)]

        @tf.function(input_signature=[tf.TensorSpec(shape=None, dtype=tf.float32)])
        def __call__(self, inputs):
            return tf.multiply(inputs, self.v)

    layer = hub.KerasLayer(export(MyMulModel(2.0)))
    np.testing.assert_allclose(layer([10.0, 20.0]), [20.0, 40.0])
    layer.trainable = True
    np.testing.assert_allclose(layer.trainable_weights[0].numpy(), 2.0)
    np.testing.assert_allclose(layer.losses, [0.004])


def test_regularization_losses_count_while_the_layer_is_trainable(keras, reusable_model):
    layer = hub.KerasLayer(reusable_model)
    inputs = keras.layers.Input((3,))
    model = keras.Model(inputs, layer(inputs))
    for trainable, expected in ((False, 0.0), (True, 0.91), (False, 0.0), (True, 0.91)):
        layer.trainable = trainable
        np.testing.assert_allclose(model.losses, [expected], rtol=1e-6)


def test_regularization_losses_can_be_left_out(reusable_model):
    layer = hub.KerasLayer(reusable_model, trainable=True, regularization_losses=False)
    assert layer.losses == []
    assert type(layer).from_config(layer.get_config()).losses == []
    assert "regularization_losses" not in hub.KerasLayer(reusable_model).get_config()


def test_regularization_losses_are_part_of_the_training_loss(keras, reusable_model, x, y):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    model = keras.Sequential([layer])
    model.compile("sgd", "mse")
    loss = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(np.ravel(loss)[0], 0.91, rtol=1e-5)


def test_regularization_losses_that_are_not_functions_are_refused(reusable_model):
    restored = hub.load(reusable_model)
    restored.regularization_losses = [tf.constant(1.0)]
    with pytest.raises(ValueError, match="iterable of callables"):
        hub.KerasLayer(restored)


@pytest.mark.parametrize(
    "select",
    [
        "head/bias",
        "head/bias:0",
        "bia.$",
        re.compile("^head/b"),
        ["head/bias"],
        lambda variable: variable.shape.rank == 1,
        [lambda variable: variable.name.startswith("head/bias")],
    ],
    ids=["name", "name with :0", "regular expression", "compiled", "list", "predicate", "list of predicates"],
)
def test_trainable_selects_some_of_the_weights(keras, reusable_model, x, select):
    layer = hub.KerasLayer(reusable_model, trainable=select)
    assert layer.trainable is True
    assert _shapes(layer.trainable_weights) == [(2,)]
    assert len(layer.non_trainable_weights) == 2
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    kernel, bias = layer.resolved_object.kernel.numpy(), layer.resolved_object.bias.numpy()
    model.fit(x, np.zeros((3, 2), np.float32), verbose=0)
    np.testing.assert_array_equal(layer.resolved_object.kernel.numpy(), kernel)
    assert not np.allclose(layer.resolved_object.bias.numpy(), bias)


def test_trainable_takes_variables_of_the_object(reusable_model):
    restored = hub.load(reusable_model)
    layer = hub.KerasLayer(restored, trainable=[restored.kernel])
    assert _shapes(layer.trainable_weights) == [(3, 2)]
    layer.trainable = False
    assert layer.trainable_weights == []
    layer.trainable = True
    assert _shapes(layer.trainable_weights) == [(3, 2)]


def test_a_selection_of_nothing_lists_the_trainable_variables(reusable_model):
    with pytest.raises(NotTrainable, match="head/kernel, head/bias"):
        hub.KerasLayer(reusable_model, trainable="embedding")
    with pytest.raises(NotTrainable, match="norm/mean"):
        hub.KerasLayer(reusable_model, trainable=["norm/mean"])  # It exists, but is not trainable.
    with pytest.raises(NotTrainable, match="bool"):
        hub.KerasLayer(reusable_model, trainable=3.5)


def test_an_object_without_variables_shows_those_that_its_callable_captures(bare_model):
    layer = hub.KerasLayer(bare_model, trainable=True)
    assert [weight.numpy() for weight in layer.trainable_weights] == [2.0]
    assert [weight.numpy() for weight in layer.non_trainable_weights] == [1.0]


def test_none_in_the_variables_is_ignored(reusable_model):
    restored = hub.load(reusable_model)
    restored.variables = [restored.kernel, None, restored.bias]
    restored.trainable_variables = [None, restored.kernel]
    layer = hub.KerasLayer(restored, trainable=True)
    assert _shapes(layer.weights) == [(3, 2), (2,)]


def test_a_trainable_layer_without_trainable_weights_warns_once(scaled_model, caplog):
    layer = hub.KerasLayer(scaled_model, trainable=True)
    with caplog.at_level("ERROR", logger="rehub"):
        layer(np.ones((1, 1), np.float32))
        layer(np.ones((1, 1), np.float32))
    assert [record.message for record in caplog.records if "zero trainable weights" in record.message] == [
        f"hub.KerasLayer is trainable but has zero trainable weights: {scaled_model!r}"
    ]


def test_error_names_variables_that_keras_3_cannot_hold(export, needs_keras_3, caplog):
    class Odd(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            self.label = tf.Variable("label", name="label", trainable=False)
            self.grows = tf.Variable([1.0, 2.0], shape=tf.TensorShape([None]), name="grows")
            self.scale = tf.Variable(2.0, name="scale")
            self.variables = [self.label, self.grows, self.scale]
            self.trainable_variables = [self.grows, self.scale]

        @tf.function(input_signature=[tf.TensorSpec([None])])
        def __call__(self, x):
            return x * self.scale + tf.reduce_sum(self.grows)

    path = export(Odd())
    with caplog.at_level("WARNING", logger="rehub"):
        layer = hub.KerasLayer(path)
    assert "grows (float32, (None,)), label (string, ())" in caplog.text
    assert len(layer.weights) == 1
    np.testing.assert_allclose(layer(np.array([1.0], np.float32)), [5.0])
    with pytest.raises(NotTrainable, match=r"grows \("):
        hub.KerasLayer(path, trainable=True)
    assert len(hub.KerasLayer(path, trainable=["scale"]).trainable_weights) == 1


def test_training_mode_needs_a_trainable_layer(reusable_model, x):
    frozen = hub.KerasLayer(reusable_model)
    frozen(x, training=True)
    np.testing.assert_array_equal(frozen.resolved_object.mean.numpy(), [0.0, 0.0, 0.0])
    trained = hub.KerasLayer(reusable_model, trainable=True)
    trained(x, training=False)
    np.testing.assert_array_equal(trained.resolved_object.mean.numpy(), [0.0, 0.0, 0.0])
    trained(x, training=True)
    np.testing.assert_allclose(trained.resolved_object.mean.numpy(), 0.1 * x.mean(axis=0), rtol=1e-6)


def test_a_tensor_decides_the_training_mode_when_it_is_run(reusable_model, x):
    layer = hub.KerasLayer(reusable_model, trainable=True)

    @tf.function
    def step(inputs, training):
        return layer(inputs, training=training)

    step(tf.constant(x), tf.constant(False))
    np.testing.assert_array_equal(layer.resolved_object.mean.numpy(), [0.0, 0.0, 0.0])
    step(tf.constant(x), tf.constant(True))
    np.testing.assert_allclose(layer.resolved_object.mean.numpy(), 0.1 * x.mean(axis=0), rtol=1e-6)


class _Blocks(tf.train.Checkpoint):
    """Three kernels of the same shape under each other, and statistics between them."""

    def __init__(self):
        super().__init__()
        for number in range(3):
            setattr(self, f"kernel_{number}", tf.Variable(tf.eye(2) * (number + 1.0), name=f"block{number}/kernel"))
        self.mean = tf.Variable([[0.0, 1.0], [1.0, 0.0]], name="block1/mean", trainable=False)
        self.variables = [self.kernel_0, self.mean, self.kernel_1, self.kernel_2]
        self.trainable_variables = [self.kernel_0, self.kernel_1, self.kernel_2]

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def __call__(self, x):
        for kernel in (self.kernel_0, self.kernel_1, self.mean, self.kernel_2):
            x = tf.matmul(x + 1.0, kernel)
        return x


@pytest.fixture(scope="module")
def blocks(export):
    return export(_Blocks())


SELECTIONS = {
    "all": True,
    "none": False,
    "a pattern": "block2",
    "a compiled pattern": re.compile("block[12]"),
    "a list in another order": ["block2/kernel", "block0/kernel"],
    "a predicate": lambda variable: "block1" in variable.name,
}


def _save(model, way, path, is_keras_3):
    if way == "checkpoint":
        return tf.compat.v2.train.Checkpoint(model=model).write(str(path / "checkpoint"))
    file = str(path / {"weights": "file.weights.h5", "h5": "file.h5", "keras": "file.keras"}[way])
    # Keras 3 writes the old format of .h5 only with the whole model.
    model.save(file) if way == "keras" or (way == "h5" and is_keras_3) else model.save_weights(file)
    return file


def _load(model, way, file):
    if way == "checkpoint":
        tf.compat.v2.train.Checkpoint(model=model).restore(file).expect_partial()
    else:
        model.load_weights(file)


@pytest.fixture(scope="module", params=["get_weights", "weights", "h5", "checkpoint", "keras"])
def tuned(request, keras, blocks, is_keras_3, tmp_path_factory):
    """A way to save weights, the file of a model whose values differ from the restored ones, and these values."""
    way = request.param
    if way == "keras" and tf.__version__.startswith("1."):
        pytest.skip("the tf.keras of TensorFlow 1.15 has no .keras files")
    model, layer = _model_of(keras, blocks, "block2")
    values = [np.arange(4.0, dtype=np.float32).reshape(2, 2) + 10.0 * place for place in range(4)]
    layer.set_weights(values)
    saved = values if way == "get_weights" else _save(model, way, tmp_path_factory.mktemp(way), is_keras_3)
    return way, saved, _values(layer)


def _model_of(keras, path, select):
    layer = hub.KerasLayer(path, trainable=select, name="blocks")
    return keras.Sequential([keras.layers.Input((2,)), layer, keras.layers.Dense(1, name="top")]), layer


def _values(layer):
    return [variable.numpy().tolist() for variable in layer.resolved_object.variables]


@pytest.mark.parametrize("select", SELECTIONS)
def test_saved_weights_load_into_the_same_variables_for_every_selection(keras, blocks, tuned, select):
    way, saved, expected = tuned
    for toggles in ([], [False], [False, True], [True]):
        model, layer = _model_of(keras, blocks, SELECTIONS[select])
        for trainable in toggles:
            layer.trainable = trainable
        layer.set_weights(saved) if way == "get_weights" else _load(model, way, saved)
        assert _values(layer) == expected, toggles


@pytest.mark.parametrize("select", SELECTIONS)
def test_toggling_trainable_keeps_the_selection(keras, blocks, select):
    model, layer = _model_of(keras, blocks, SELECTIONS[select])
    layer.trainable = True
    trained = {"none": 3, "all": 3, "a pattern": 1, "a predicate": 1}.get(select, 2)
    inner = keras.Sequential([keras.layers.Input((2,)), layer])
    outer = keras.Sequential([keras.layers.Input((2,)), inner])
    for trainable, number in ((True, trained), (False, 0), (True, trained)):
        layer.trainable = trainable
        assert len(layer.trainable_weights) == number
        assert len(layer.non_trainable_weights) == 4 - number
        assert len(model.trainable_weights) == number + 2
        assert len(outer.trainable_weights) == number
        assert len(outer.weights) == 4
    for trainable, number in ((False, 0), (True, trained)):
        outer.trainable = trainable
        assert len(outer.trainable_weights) == number


def test_a_model_may_have_a_variable_of_texts(export):
    class Names(tf.Module):
        def __init__(self):
            super().__init__()
            self.names = tf.Variable(["a", "b"])

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
        def __call__(self, indices):
            return tf.gather(self.names, indices)

    layer = hub.KerasLayer(export(Names()))
    assert layer(tf.constant([1, 0])).numpy().tolist() == [b"b", b"a"]
