"""Inputs that fit no trace as they are: converted where nothing is lost, else an error that shows both sides."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import InputMismatch


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_floats_are_cast(reusable_model, x, y, dtype):
    result = hub.KerasLayer(reusable_model)(x.astype(dtype))
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, y)


def test_python_numbers_take_the_dtype_of_the_trace(reusable_model):
    np.testing.assert_allclose(hub.KerasLayer(reusable_model)([[1, 0, 0]]), [[1.5, 1.5]])


def test_a_narrower_integer_is_widened(export):
    class Int64(tf.train.Checkpoint):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
        def __call__(self, ids):
            return ids + 1

    layer = hub.KerasLayer(export(Int64()))
    for dtype in (np.int32, np.int8, np.uint8):
        result = layer(np.array([1, 2], dtype))
        assert result.dtype == tf.int64
        np.testing.assert_array_equal(result, [2, 3])
    with pytest.raises(InputMismatch, match=r"received: float32\[2\]"):
        layer(np.array([1.0, 2.0], np.float32))


def test_error_of_integers_for_floats_shows_expected_and_received(reusable_model):
    with pytest.raises(InputMismatch) as caught:
        hub.KerasLayer(reusable_model)(np.zeros((2, 3), np.uint8))
    message = str(caught.value)
    assert "received: uint8[2, 3], training=False" in message
    assert "expected: float32[?, 3], training=False" in message
    assert "tf.image.convert_image_dtype(x, tf.float32)" in message
    assert repr(reusable_model) in message


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((3,), "tf.expand_dims(x, axis=0)"), ((2, 4), "has to be (None, 3)"), ((2, 3, 1), "tf.squeeze(x, axis=-1)")],
    ids=["no batch dimension", "another width", "one dimension too many"],
)
def test_error_of_a_wrong_shape_has_a_remedy(reusable_model, shape, hint):
    with pytest.raises(InputMismatch) as caught:
        hub.KerasLayer(reusable_model)(np.zeros(shape, np.float32))
    assert hint in str(caught.value)


def test_a_dict_is_matched_by_its_keys(dict_model):
    ids, mask = np.zeros((2, 4), np.int32), np.ones((2, 4), np.float32)
    layer = hub.KerasLayer(dict_model)
    for inputs in ({"mask": mask, "ids": ids}, collections.OrderedDict([("mask", mask), ("ids", ids)])):
        assert layer(inputs)["default"].shape == (2, 5)
    with pytest.raises(InputMismatch, match="add 'mask'"):
        layer({"ids": ids})
    with pytest.raises(InputMismatch, match="leave out 'segment'"):
        layer({"ids": ids, "mask": mask, "segment": ids})
    with pytest.raises(InputMismatch, match="pass a dict with the keys 'ids', 'mask'"):
        layer([ids, mask])
    with pytest.raises(InputMismatch, match="ids: the shape has to be"):
        layer({"ids": ids[:, :2], "mask": mask})


def test_a_list_serves_as_a_tuple_and_a_single_item_as_its_container(export):
    class Pair(tf.train.Checkpoint):
        @tf.function(input_signature=[(tf.TensorSpec([None], name="left"), tf.TensorSpec([None], name="right"))])
        def __call__(self, inputs):
            return inputs[0] - inputs[1]

        @tf.function(input_signature=[[tf.TensorSpec([None])]])
        def one(self, inputs):
            return inputs[0] * 2.0

    path = export(Pair())
    one, two = np.array([1.0], np.float32), np.array([2.0], np.float32)
    layer = hub.KerasLayer(path)
    np.testing.assert_allclose(layer([one, two]), [-1.0])
    np.testing.assert_allclose(layer((one, two)), [-1.0])
    np.testing.assert_allclose(layer({"right": two, "left": one}), [-1.0])
    with pytest.raises(InputMismatch, match="tuple of 2 tensors"):
        layer(one)
    single = hub.KerasLayer(hub.load(path).one)
    np.testing.assert_allclose(single(one), [2.0])
    np.testing.assert_allclose(single([one]), [2.0])


@pytest.fixture(scope="module")
def composite_model(export):
    """Functions of ragged and sparse tensors; `ragged` has a trace for ragged rank 1 and one for 2."""

    class OfComposites(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(2.0)

        @tf.function
        def ragged(self, rows):
            return rows.with_flat_values(rows.flat_values * self.scale * float(rows.ragged_rank))

        @tf.function(input_signature=[tf.SparseTensorSpec([None, 3], tf.float32)])
        def sparse(self, rows):
            return tf.sparse.reduce_sum(rows, axis=1)

        @tf.function(
            input_signature=[
                {"rows": tf.RaggedTensorSpec([None, None], tf.int64), "weights": tf.TensorSpec([None], tf.float32)}
            ]
        )
        def both(self, inputs):
            sums = tf.cast(tf.reduce_sum(inputs["rows"], axis=1), tf.float32)
            return {"sums": sums * inputs["weights"], "rows": inputs["rows"]}

    model = OfComposites()
    for shape in ([None, None], [None, None, None]):
        model.ragged.get_concrete_function(tf.RaggedTensorSpec(shape, tf.float32))
    return export(model)


def test_a_ragged_tensor_reaches_the_trace_for_its_rank(composite_model):
    layer = hub.KerasLayer(hub.load(composite_model).ragged)
    rows = tf.ragged.constant([[1.0, 2.0], [], [4.0]])
    deep = tf.ragged.constant([[[1.0], [2.0, 3.0]], []])
    assert layer(rows).to_list() == [[2.0, 4.0], [], [8.0]]
    assert layer(deep).to_list() == [[[4.0], [8.0, 12.0]], []]
    assert tf.function(layer.call)(rows).to_list() == [[2.0, 4.0], [], [8.0]]
    # These are converted: nothing is lost.
    narrow = tf.ragged.constant([[1.0, 2.0], []], tf.float64, row_splits_dtype=tf.int32)
    assert layer(narrow).to_list() == [[2.0, 4.0], []]
    for wrong, hint in (
        (np.ones((2, 2), np.float32), "pass a RaggedTensor instead of a dense tensor"),
        (tf.ragged.constant([[[[1.0]]]]), "pass a RaggedTensor of ragged rank [12] instead of 3"),
    ):
        with pytest.raises(InputMismatch, match=hint):
            layer(wrong)


def test_a_ragged_tensor_is_passed_among_others_and_by_a_keras_model(keras, composite_model):
    restored = hub.load(composite_model)
    rows, weights = tf.ragged.constant([[1, 2], [3]], tf.int64), tf.constant([1.0, 10.0])
    outputs = hub.KerasLayer(restored.both)({"rows": rows, "weights": weights})
    np.testing.assert_allclose(outputs["sums"], [3.0, 30.0])
    assert outputs["rows"].to_list() == [[1, 2], [3]]
    inputs = keras.layers.Input((None,), ragged=True)
    model = keras.Model(inputs, hub.KerasLayer(restored.ragged)(inputs))
    assert model(tf.ragged.constant([[1.0, 2.0], [3.0]])).to_list() == [[2.0, 4.0], [6.0]]


def test_row_splits_too_large_for_a_model_are_not_truncated(export):
    class Narrow(tf.train.Checkpoint):
        @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], row_splits_dtype=tf.int32)])
        def ragged(self, rows):
            return rows

    layer = hub.KerasLayer(hub.load(export(Narrow())).ragged)
    with pytest.raises(InputMismatch, match=r"with_row_splits_dtype\(tf.int32\)"):
        layer(tf.ragged.constant([[1.0]]))


def test_a_sparse_tensor_reaches_the_function(composite_model):
    layer = hub.KerasLayer(hub.load(composite_model).sparse)
    dense = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 5.0]], np.float32)
    np.testing.assert_allclose(layer(tf.sparse.from_dense(dense)), [3.0, 5.0])
    np.testing.assert_allclose(layer(tf.sparse.from_dense(dense.astype(np.float64))), [3.0, 5.0])
    with pytest.raises(InputMismatch, match="pass a SparseTensor instead of a dense tensor"):
        layer(dense)


def test_nested_structures_pass_through(export):
    class Nested(tf.train.Checkpoint):
        @tf.function(
            input_signature=[{"a": tf.TensorSpec([None]), "rest": [tf.TensorSpec([None]), tf.TensorSpec([None])]}]
        )
        def __call__(self, inputs):
            return [inputs["a"], {"sum": inputs["rest"][0] + inputs["rest"][1]}]

    one, two = np.array([1.0], np.float32), np.array([2.0], np.float32)
    first, second = hub.KerasLayer(export(Nested()))({"rest": [one, two], "a": two})
    np.testing.assert_allclose(first, [2.0])
    np.testing.assert_allclose(second["sum"], [3.0])


def test_arguments_reach_the_function_and_untraced_ones_are_refused(scaled_model, reusable_model):
    layer = hub.KerasLayer(scaled_model, arguments={"a": 10.0})
    np.testing.assert_allclose(layer(np.array([[1.0], [2.0]], np.float32)), [[10.0], [20.0]])
    both = hub.KerasLayer(scaled_model, arguments={"a": 2.0, "b": 1.0})
    np.testing.assert_allclose(both(np.array([[1.0]], np.float32)), [[3.0]])
    with pytest.raises(InputMismatch, match="received: .*dropout=0.5"):
        hub.KerasLayer(reusable_model, arguments={"dropout": 0.5})(np.zeros((1, 3), np.float32))


def test_a_trace_for_any_batch_size_is_preferred(keras, export):
    class Twice(tf.train.Checkpoint):
        @tf.function
        def __call__(self, x):
            return 2.0 * x

    model = Twice()
    for batch_size in (7, None):  # TensorFlow restores the traces in no certain order
        model.__call__.get_concrete_function(tf.TensorSpec([batch_size, 3]))
    inputs = keras.layers.Input((3,))
    doubled = keras.Model(inputs, hub.KerasLayer(export(model))(inputs))
    assert doubled.output_shape[0] is None
    for batch_size in (2, 7):
        np.testing.assert_allclose(doubled.predict(np.ones((batch_size, 3), np.float32), verbose=0), 2.0)


def test_signatures_take_names_of_inputs_and_parameters(export):
    class Model(tf.train.Checkpoint):
        @tf.function(input_signature=[tf.TensorSpec([None], name="token-ids")])
        def count(self, ids):
            return {"y": ids + 1}

    model = Model()
    path = export(model, signatures={"count": model.count})
    layer = hub.KerasLayer(path, signature="count", output_key="y")
    signature = hub.load(path).signatures["count"]
    for name in ("token-ids", "token_ids"):
        inputs = {name: tf.constant([1.0])}
        assert (signature(**inputs)["y"].numpy(), layer(inputs).numpy()) == ([2.0], [2.0])


def test_arguments_can_be_inputs_of_a_signature(export):
    class Scaled(tf.train.Checkpoint):
        @tf.function(input_signature=[tf.TensorSpec([None], name="x"), tf.TensorSpec([], name="factor")])
        def scale(self, x, factor):
            return {"y": x * factor}

    model = Scaled()
    layer = hub.KerasLayer(
        export(model, signatures={"scale": model.scale}), signature="scale", output_key="y", arguments={"factor": 3.0}
    )
    x = np.array([1.0, 2.0], np.float32)
    np.testing.assert_allclose(layer(x), [3.0, 6.0])
    np.testing.assert_allclose(layer({"x": x}), [3.0, 6.0])


def test_error_of_an_argument_fixed_by_tracing_shows_its_value(export):
    class Power(tf.train.Checkpoint):
        @tf.function
        def __call__(self, x, exponent=1):
            return x**exponent

    model = Power()
    for exponent in (1, 2):
        model.__call__.get_concrete_function(tf.TensorSpec([None]), exponent)
    path = export(model)
    x = np.array([3.0], np.float32)
    np.testing.assert_allclose(hub.KerasLayer(path, arguments={"exponent": 2})(x), [9.0])
    with pytest.raises(InputMismatch) as caught:
        hub.KerasLayer(path, arguments={"exponent": 3})(x)
    assert "exponent=3" in str(caught.value) and "exponent=2" in str(caught.value)


@pytest.fixture(scope="module")
def single_tensor_model(export):
    """Functions that take one tensor each: rows [batch, 3], numbers [batch] and texts [batch]."""
    model = tf.train.Checkpoint()
    model.rows = tf.function(lambda x: 2.0 * x, [tf.TensorSpec([None, 3])])
    model.numbers = tf.function(lambda x: 2 * x, [tf.TensorSpec([None], tf.int32)])
    model.texts = tf.function(lambda x: 2 * tf.strings.length(x), [tf.TensorSpec([None], tf.string)])
    return hub.load(export(model))


class _Table:
    """Like a column or a DataFrame of pandas: an object that converts to an array."""

    def __init__(self, values, dtype):
        self.dtype = "category"
        self.shape = np.shape(values)
        self._values = np.array(values, dtype)

    def __array__(self, dtype=None, copy=None):
        return self._values if dtype is None else self._values.astype(dtype)


_ROW = np.array([1.0, 2.0, 3.0], np.float32)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("rows", [_ROW, 2 * _ROW]),
        ("rows", (_ROW, 2 * _ROW)),
        ("rows", [_ROW.astype(np.float64)]),
        ("rows", [[1.0, 2.0, 3.0], _ROW]),
        ("rows", [tf.constant(_ROW), _ROW]),
        ("rows", [tf.constant(_ROW)]),
        ("numbers", [tf.constant(1), tf.constant(2)]),
        ("numbers", range(3)),
        ("numbers", []),
        ("texts", []),
        ("texts", [np.array("a"), np.array("bc")]),
        ("texts", _Table(["a", "bc"], object)),
        ("rows", _Table([[1.0, 2.0, 3.0]], np.float64)),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_a_list_is_stacked_where_one_tensor_is_expected(single_tensor_model, name, inputs):
    function = getattr(single_tensor_model, name)
    values = np.asarray(inputs) if isinstance(inputs, _Table) else inputs
    expected = function(tf.convert_to_tensor(values, function.concrete_functions[0].inputs[0].dtype))
    result = hub.KerasLayer(function)(inputs)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_a_list_around_a_whole_batch_is_unwrapped(single_tensor_model):
    layer = hub.KerasLayer(single_tensor_model.rows)
    batch = np.stack([_ROW, _ROW])
    np.testing.assert_array_equal(layer([batch]), 2 * batch)
    with pytest.raises(InputMismatch, match="pass one tensor"):
        layer([batch, batch])
    with pytest.raises(InputMismatch, match=r"received: \[int64\[3\]\]"):  # No dtype is guessed for a list either.
        layer([np.array([1, 2, 3])])


def test_a_list_of_symbolic_tensors_is_stacked_in_each_call(keras, single_tensor_model):
    symbolic = [keras.layers.Input((), batch_size=3), keras.layers.Input((), batch_size=3)]
    model = keras.Model(symbolic, hub.KerasLayer(single_tensor_model.rows)(symbolic))
    np.testing.assert_array_equal(model([_ROW, 2 * _ROW]), [2 * _ROW, 4 * _ROW])
