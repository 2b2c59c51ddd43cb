"""The inputs that functions are measured with."""

from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf

import rehub as hub

if saved_models.IS_TF1:
    pytest.skip("TensorFlow 1.15 cannot optimize", allow_module_level=True)

from rehub.optimize.sample_inputs import NoSample, SampleInputs, describe


def made(spec, given=None, name="x"):
    """The argument that is made up for a function of one argument."""
    ((value,), kwargs) = SampleInputs(given).make_arguments(((spec,), {}), [name], seed=0)
    assert kwargs == {}
    return value


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (tf.TensorSpec([None, None, None, 3], tf.float32), "float32[1, 224, 224, 3]"),
        (tf.TensorSpec([None, 32, 32, 3], tf.uint8), "uint8[1, 32, 32, 3]"),
        (tf.TensorSpec([None, None], tf.int32), "int32[1, 128]"),
        (tf.TensorSpec([None], tf.string), "string[1]"),
        (tf.TensorSpec([], tf.bool), "bool[]"),
        (tf.RaggedTensorSpec([None, None], tf.int64), "ragged int64[1, ?]"),
        (tf.SparseTensorSpec([None, 5], tf.float32), "sparse float32[1, 5]"),
        (tf.TensorSpec([2, 2], tf.bfloat16), "bfloat16[2, 2]"),
    ],
)
def test_unknown_sizes_are_made_up(spec, expected):
    value = made(spec)
    assert describe(value) == expected
    assert spec.is_compatible_with(value)


def test_whole_numbers_are_in_the_range_of_anything():
    assert set(made(tf.TensorSpec([None, None], tf.int32)).numpy().ravel()) == {0, 1}


def test_the_same_seed_makes_the_same_inputs_and_another_others():
    samples = SampleInputs(None)
    structure = ((), {"x": tf.TensorSpec([8], tf.float32)})
    first, again, other = (samples.make_arguments(structure, [], seed)[1]["x"].numpy().tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_nest_and_plain_values_keep_their_place():
    structure = (({"b": tf.TensorSpec([1], tf.int32), "a": [tf.TensorSpec([2], tf.string)]}, True), {"training": None})
    args, kwargs = SampleInputs(None).make_arguments(structure, ["inputs", "flag"], 0)
    assert describe(args[0]) == "a=string[2], b=int32[1]"
    assert (args[1], kwargs) == (True, {"training": None})


def test_a_given_input_is_used_in_each_function_that_has_it():
    spec = tf.TensorSpec([None, 2], tf.float32, name="images")
    assert made(spec, {"images": [[1, 2], [3, 4]]}).numpy().tolist() == [[1, 2], [3, 4]]
    assert made(spec, {"x": tf.zeros([5, 2])}).shape == (5, 2)
    assert made(spec, {"images": tf.TensorShape([7, 2])}).shape == (7, 2)
    nested = {"images": tf.TensorSpec([None], tf.int32), "sizes": tf.TensorSpec([], tf.int32)}
    assert made(nested, {"images": [5, 6]})["images"].numpy().tolist() == [5, 6]


@pytest.mark.parametrize(
    ("spec", "given", "message"),
    [
        (tf.TensorSpec(None, tf.float32), None, "has an unknown rank; give one by measure_with="),
        (tf.TensorSpec([None, 2], tf.float32), {"x": [[1.0]]}, r"is float32\[1, 1\], and it takes float32\[\?, 2\]"),
        (tf.TensorSpec([None, 2], tf.float32), {"x": "text"}, "is not a float32 tensor"),
        (tf.TensorSpec([None, 2], tf.float32), {"x": tf.TensorShape([3])}, "does not fit"),
        (tf.TensorSpec([], tf.variant), None, "has the dtype variant"),
        (tf.data.DatasetSpec(tf.TensorSpec([], tf.int32)), None, "give one by measure_with="),
    ],
)
def test_inputs_that_cannot_be_made_are_an_error_with_the_reason(spec, given, message):
    with pytest.raises(NoSample, match=message):
        made(spec, given)


@pytest.mark.usefixtures("few_measurements")
def test_a_function_without_a_sample_is_left_as_it_is_until_one_is_given(tmp_path):
    model = tf.Module()
    model.f = tf.function(lambda x: x * 2.0, [tf.TensorSpec(None, tf.float32, name="x")])
    model.rows = tf.function(lambda i: tf.gather(tf.zeros([3, 2]), i + 7), [tf.TensorSpec([None], tf.int32, name="i")])
    tf.saved_model.save(model, str(tmp_path))
    found = {each.name[:1]: each for each in hub.load_report(hub.load(str(tmp_path), optimize="inference")).optimized}
    assert "has an unknown rank" in found["f"].reason
    assert "the call with made-up inputs failed; give some by measure_with=." in found["r"].reason
    given = {"x": [1.0, 2.0], "i": [-7]}
    report = hub.load_report(hub.load(str(tmp_path), optimize="inference", measure_with=given))
    assert [(each.inputs, each.reason) for each in report.optimized] == [("float32[2]", ""), ("int32[1]", "")]
