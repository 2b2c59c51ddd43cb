"""Static shapes of outputs: only sizes that are true for all inputs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub


def _sizes(shape):
    return tuple(tf.TensorShape(shape).as_list())


def _longest(x):
    return tf.reduce_max(tf.reduce_sum(tf.cast(x > 0.0, tf.int32), axis=1))


def _cut(x):
    return x[:, : _longest(x)]


def _decode(images):
    return tf.map_fn(lambda image: tf.cast(tf.io.decode_jpeg(image, channels=3), tf.float32), images, dtype=tf.float32)


def _parse(examples):
    rows = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([4], tf.float32)})["x"]
    return rows[:, : tf.cast(rows[0, 0], tf.int32)]


def _repeat(texts):
    numbers = tf.strings.to_number(texts, tf.int32)
    return tf.ones([tf.size(numbers), numbers[0]])


def _tokens(texts):
    words = tf.strings.split(texts)
    words = words if isinstance(words, tf.RaggedTensor) else tf.RaggedTensor.from_sparse(words)
    return tf.strings.to_hash_bucket_fast(words.to_tensor(""), 100)


class _Counted(tf.train.Checkpoint):
    """Functions of which one changes a variable in each call."""

    def __init__(self):
        super().__init__()
        self.calls = tf.Variable(0, name="calls", trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None, None])], autograph=False)
    def wide(self, x):
        self.calls.assign_add(1)
        return tf.concat([x, x], axis=1)


def _checked(x):
    with tf.control_dependencies([tf.debugging.assert_positive(x)]):
        return tf.identity(_cut(x))


def _divided(counts):
    return tf.ones([tf.size(counts), 12 // counts[0]])


def _nest(x):
    return {"cut": _cut(x), "more": [tf.reduce_sum(x, 1), (_cut(x)[:, :-1],)], "wide": tf.concat([x, x], axis=1)}


FUNCTIONS = {
    "cut": (_cut, tf.TensorSpec([None, 6])),
    "decode": (_decode, tf.TensorSpec([None], tf.string)),
    "parse": (_parse, tf.TensorSpec([None], tf.string)),
    "repeat": (_repeat, tf.TensorSpec([None], tf.string)),
    "checked": (_checked, tf.TensorSpec([None, 6])),
    "divided": (_divided, tf.TensorSpec([None], tf.int32)),
    "nest": (_nest, tf.TensorSpec([None, 6])),
    "tokens": (_tokens, tf.TensorSpec([None], tf.string)),
    "any_rank": (lambda x: tf.compat.v1.placeholder_with_default(x, None), tf.TensorSpec([None, 3])),
}


@pytest.fixture(scope="module")
def sizes_of_data(export):
    """Path of a SavedModel with functions whose outputs have sizes that depend on the values of their inputs."""
    model = _Counted()
    for name, (function, spec) in FUNCTIONS.items():
        setattr(model, name, tf.function(function, input_signature=[spec], autograph=False))
    model.__call__ = model.cut
    signature = tf.function(lambda x: {"y": _cut(x)}, [tf.TensorSpec([None, 6], name="x")], autograph=False)
    return export(model, signatures={"cut": signature})


@pytest.fixture(scope="module")
def restored(sizes_of_data):
    return hub.load(sizes_of_data)


def _jpegs(*sizes):
    images = [tf.io.encode_jpeg(tf.zeros([height, width, 3], tf.uint8)) for height, width in sizes]
    return np.array([image.numpy() for image in images], object)


def _example(*values):
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature={"x": feature})).SerializeToString()


def _texts(*texts):
    return np.array(texts, object)


# By function: inputs, and the shape of their output, in which only the batch size is always the same.
CASES = {
    "cut": (np.array([[1, 2, 3, 0, 0, 0], [1, 0, 0, 0, 0, 0]], np.float32), (2, 3)),
    "parse": (_texts(_example(2, 1, 1, 1)), (1, 2)),
    "repeat": (_texts(b"5", b"1"), (2, 5)),
    "checked": (np.ones([2, 6], np.float32), (2, 6)),
    "divided": (np.array([4, 1], np.int32), (2, 3)),
    "tokens": (_texts(b"one two three", b"two"), (2, 3)),
}


def test_a_shape_of_the_trace_needs_no_graph(keras, reusable_model, text_model):
    assert _sizes(hub.KerasLayer(reusable_model).compute_output_shape((None, 3))) == (None, 2)
    words = keras.layers.Input((), dtype="string")
    assert _sizes(hub.KerasLayer(text_model)(words).shape) == (None, 4)
    assert _sizes(hub.KerasLayer(text_model).compute_output_shape((3,)))[1:] == (4,)


def test_outputs_have_the_batch_size_of_the_inputs(reusable_model, dict_model):
    assert _sizes(hub.KerasLayer(reusable_model).compute_output_shape((10, 3))) == (10, 2)
    shapes = hub.KerasLayer(dict_model).compute_output_shape({"ids": (7, 4), "mask": (7, 4)})
    assert {key: _sizes(shape) for key, shape in shapes.items()} == {"default": (7, 5), "sequence": (7, 4, 5)}
    assert _sizes(
        hub.KerasLayer(dict_model, output_key="default").compute_output_shape({"ids": (None, 4), "mask": (None, 4)})
    ) == (None, 5)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_size_that_depends_on_values_can_differ_in_each_call(keras, restored, name):
    inputs, shape = CASES[name]
    layer = hub.KerasLayer(getattr(restored, name))
    in_graph = tf.function(lambda x: tf.shape(layer(x)), autograph=False)
    np.testing.assert_array_equal(in_graph(tf.constant(inputs)), shape)
    assert [tuple(batch.shape) for batch in tf.data.Dataset.from_tensors(inputs).map(layer)] == [shape]
    assert _sizes(layer.compute_output_shape((3, *inputs.shape[1:])))[1:] == (None,)
    symbolic = keras.layers.Input(inputs.shape[1:], dtype=tf.as_dtype(inputs.dtype).name)
    outputs = layer(symbolic)
    assert _sizes(outputs.shape) == (None, None)
    model = keras.Model(symbolic, outputs)
    assert tuple(model(tf.constant(inputs)).shape) == shape
    assert model.predict(tf.constant(inputs), verbose=0).shape == shape


def test_images_of_any_size_are_decoded_in_a_model(keras, restored):
    layer = hub.KerasLayer(restored.decode)
    symbolic = keras.layers.Input([], dtype="string")
    outputs = layer(symbolic)
    assert _sizes(outputs.shape) == (None, None, None, 3)
    assert _sizes(layer.compute_output_shape((5,)))[1:] == (None, None, 3)
    features = keras.layers.GlobalAveragePooling2D()(outputs)
    model = keras.Model(symbolic, keras.layers.Dense(2)(features))
    for size in ((4, 6), (3, 5)):
        assert model.predict(tf.constant(_jpegs(size, size)), verbose=0).shape == (2, 2)


def test_token_ids_of_any_length_train_a_recurrent_network(keras, restored):
    symbolic = keras.layers.Input([], dtype="string")
    ids = hub.KerasLayer(restored.tokens)(symbolic)
    state = keras.layers.LSTM(3)(keras.layers.Embedding(100, 4)(ids))
    model = keras.Model(symbolic, keras.layers.Dense(1)(state))
    model.compile("sgd", "mse")
    for texts in (["a b c d", "b"], ["a b", "c"]):
        model.fit(tf.constant(texts), np.ones([2, 1], np.float32), verbose=0)


def test_each_output_of_a_nest_has_the_shape_that_it_always_has(keras, restored):
    layer = hub.KerasLayer(restored.nest)
    outputs = layer(keras.layers.Input([6]))
    assert list(map(_sizes, (outputs["cut"].shape, outputs["wide"].shape))) == [(None, None), (None, 12)]
    assert list(map(_sizes, (outputs["more"][0].shape, outputs["more"][1][0].shape))) == [(None,), (None, None)]
    shapes = layer.compute_output_shape((5, 6))
    assert (_sizes(shapes["cut"])[1:], _sizes(shapes["wide"])) == ((None,), (5, 12))
    x = tf.constant(CASES["cut"][0])
    in_graph = tf.function(lambda x: tf.nest.map_structure(tf.shape, layer(x)), autograph=False)(x)
    for in_one, in_other in zip(tf.nest.flatten(in_graph), tf.nest.flatten(layer(x))):
        np.testing.assert_array_equal(in_one, in_other.shape)


def test_a_signature_has_sizes_of_data(sizes_of_data):
    x, shape = CASES["cut"]
    layer = hub.KerasLayer(sizes_of_data, signature="cut", output_key="y")
    np.testing.assert_array_equal(tf.function(lambda x: tf.shape(layer(x)), autograph=False)(x), shape)
    assert _sizes(layer.compute_output_shape((2, 6)))[1:] == (None,)


def test_sizes_are_inferred_from_the_graph(keras, restored):
    layer = hub.KerasLayer(restored.wide)
    assert _sizes(layer.compute_output_shape((5, 3))) == (5, 6)
    assert _sizes(layer.compute_output_shape((None, None))) == (None, None)
    assert restored.calls.numpy() == 0
    symbolic = keras.layers.Input([3])
    outputs = layer(symbolic)
    assert _sizes(outputs.shape) == (None, 6)
    model = keras.Model(symbolic, keras.layers.Dense(1)(outputs))
    assert model.predict(np.ones((2, 3), np.float32), verbose=0).shape == (2, 1)


class _Modes(tf.train.Checkpoint):
    """In training it drops every second column; in inference it has a trace for a batch of seven too."""

    @tf.function
    def __call__(self, x, training=False):
        if training:
            return x[:, ::2]
        return x[:, :4] if x.shape[0] == 7 else x


def test_an_output_of_any_rank_works_if_no_shape_is_needed(keras, restored, is_keras_3):
    x = np.ones((2, 3), np.float32)
    layer = hub.KerasLayer(restored.any_rank)
    assert keras.Sequential([layer])(x).shape == (2, 3)
    assert tf.TensorShape(layer.compute_output_shape((2, 3))).rank is None
    if is_keras_3:
        with pytest.raises(ValueError, match="rank .* output_shape="):
            layer(keras.layers.Input([3]))


def test_a_shape_is_true_of_each_trace_that_a_call_can_run(keras, export, is_keras_3):
    model = _Modes()
    for batch_size in (7, None):
        model.__call__.get_concrete_function(tf.TensorSpec([batch_size, 6]))
    model.__call__.get_concrete_function(tf.TensorSpec([None, 6]), training=True)
    path = export(model)
    layer = hub.KerasLayer(path)
    for batch_size in (2, 7):  # TensorFlow restores the traces in no certain order.
        assert _sizes(layer.compute_output_shape((batch_size, 6))) == tuple(layer(tf.ones([batch_size, 6])).shape)
    if is_keras_3:  # Keras 2 makes a graph of one trace.
        assert _sizes(layer(keras.layers.Input([6])).shape) == (None, None)
    layer = hub.KerasLayer(path, trainable=True)
    assert _sizes(layer.compute_output_shape((2, 6))) == (2, None)
    in_training = tf.function(lambda x: tf.shape(layer(x, training=True)), autograph=False)
    np.testing.assert_array_equal(in_training(tf.ones([2, 6])), [2, 3])


def test_a_declared_shape_has_no_batch_dimension(keras, restored, reusable_model):
    layer = hub.KerasLayer(reusable_model, output_shape=[2])
    assert _sizes(layer.compute_output_shape((10, 3))) == (10, 2)
    assert _sizes(layer(keras.layers.Input((3,))).shape) == (None, 2)
    with pytest.raises(TypeError, match="output_shape="):
        hub.KerasLayer(reusable_model, output_shape=object())
    layer = hub.KerasLayer(restored.any_rank, output_shape=[3])
    assert _sizes(layer.compute_output_shape((5, 3))) == (5, 3)
    symbolic = keras.layers.Input([3])
    model = keras.Model(symbolic, keras.layers.Dense(1)(layer(symbolic)))
    assert model.predict(np.ones((2, 3), np.float32), verbose=0).shape == (2, 1)


def test_a_declared_shape_that_the_output_does_not_have_is_refused(restored, dict_model):
    layer = hub.KerasLayer(restored.any_rank, output_shape=[4])
    with pytest.raises(ValueError, match=r"declares \(4,\).*Received: .*\(2, 3\)"):
        layer(tf.ones([2, 3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        tf.function(lambda x: 1.0 * layer(x), autograph=False)(tf.ones([2, 3]))
    layer = hub.KerasLayer(dict_model, output_shape=[4])
    with pytest.raises(ValueError, match="declares 1 shape.s., but there are 2 outputs"):
        layer({"ids": tf.zeros([1, 4], tf.int32), "mask": tf.ones([1, 4])})


@pytest.fixture(scope="module")
def token_module(tmp_path_factory):
    """Path of a legacy module: texts [batch] -> embeddings of their words [batch, most words, 2]."""
    v1 = tf.compat.v1

    def module_fn():
        texts = v1.placeholder(tf.string, [None])
        table = v1.get_variable("table", [3, 2], initializer=v1.ones_initializer(), use_resource=True)
        ids = tf.strings.to_hash_bucket_fast(tf.sparse.to_dense(v1.string_split(texts), ""), 3)
        hub.add_signature(inputs=texts, outputs=tf.gather(table, ids))

    path = str(tmp_path_factory.mktemp("legacy") / "module")
    with tf.Graph().as_default():
        module = hub.Module(hub.create_module_spec(module_fn))
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            module.export(path, session)
    return path


def test_a_legacy_module_has_sizes_of_data(keras, token_module):
    texts = tf.constant(["a b c", "d"])
    for layer in (
        hub.KerasLayer(token_module),
        hub.KerasLayer(token_module, trainable=not tf.__version__.startswith("1.")),
    ):
        in_graph = tf.function(lambda texts, layer=layer: tf.shape(layer(texts)), autograph=False)(texts)
        np.testing.assert_array_equal(in_graph, [2, 3, 2])
        assert _sizes(layer.compute_output_shape((None,))) == (None, None, 2)
        symbolic = keras.layers.Input([], dtype="string")
        embedded = layer(symbolic)
        assert _sizes(embedded.shape) == (None, None, 2)
        model = keras.Model(symbolic, keras.layers.GlobalAveragePooling1D()(embedded))
        np.testing.assert_allclose(model.predict(texts, verbose=0), np.ones([2, 2]))


def test_ragged_inputs_and_outputs_have_shapes(keras, export, is_keras_3):
    if tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 1.15 saves no functions of ragged tensors")
    model = tf.train.Checkpoint()
    rows = tf.RaggedTensorSpec([None, None], tf.float32)
    model.__call__ = tf.function(lambda rows: {"sums": tf.reduce_sum(rows, 1), "rows": rows[:, :2]}, [rows])
    layer = hub.KerasLayer(export(model))
    shapes = layer.compute_output_shape((3, None))
    assert (_sizes(shapes["sums"])[1:], _sizes(shapes["rows"])[1:]) == ((), (None,))
    symbolic = keras.layers.Input([None], ragged=True)
    outputs = layer(symbolic)
    assert (_sizes(outputs["sums"].shape), _sizes(outputs["rows"].shape)) == ((None,), (None, None))
    in_graph = tf.function(lambda rows: layer(rows)["rows"].bounding_shape(), autograph=False)
    np.testing.assert_array_equal(in_graph(tf.ragged.constant([[1.0], [1.0, 2.0, 3.0]])), [2, 2])
