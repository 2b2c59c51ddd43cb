"""A function keeps alive what it needs: no test here keeps the restored object."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub

FUNCTIONS = {
    "a signature": lambda obj: obj.signatures["serving_default"],
    "the call": lambda obj: obj.__call__,
    "a method of a part": lambda obj: obj.inner.scale,
    "a method of a part in a list": lambda obj: obj.parts[0].scale,
    "a trace of a method": lambda obj: obj.inner.scale.concrete_functions[0],
}


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if not (saved_models.IS_TF1 and "trace" in name)])
@pytest.mark.parametrize("model", ["shift", "lookup"])
def test_a_function_outlives_its_object(function, model, request):
    call = FUNCTIONS[function](hub.load(request.getfixturevalue(model)))
    gc.collect()
    result = call(tf.constant([1.0]))
    result = result["output_0"] if isinstance(result, dict) else result
    assert result.numpy().tolist() == ([5.0] if "part" not in function and "trace" not in function else [3.0])


@pytest.mark.parametrize(
    "method", [lambda obj: obj.find, lambda obj: obj.signatures["find"]], ids=["method", "signature"]
)
def test_a_function_over_a_table_outlives_its_object(method, lookup):
    find = method(hub.load(lookup))
    gc.collect()
    places = find(tf.constant(["c", "b", "z"]))
    places = places["output_0"] if isinstance(places, dict) else places
    assert places.numpy().tolist() == [2, 1, -1]


def test_a_part_outlives_its_object(lookup):
    inner = hub.load(lookup).inner
    gc.collect()
    assert inner.scale(tf.constant([2.0])).numpy().tolist() == [6.0]


def test_signatures_of_a_tf1_savedmodel_outlive_their_object(v1):
    signatures = hub.load(v1).signatures
    add, find = signatures["serving_default"], signatures["find"]
    del signatures
    gc.collect()
    assert add(x=tf.constant([1.0]), y=tf.constant([2.0]))["default"].numpy().tolist() == [5.0]
    assert find(words=tf.constant(["b"]))["place"].numpy().tolist() == [1]


def test_a_signature_of_a_legacy_module_with_a_table_outlives_its_object():
    module = hub.load(str(saved_models.LEGACY / "text_embed"))
    words = tf.constant(["the cat", "dog"])
    expected = module(words).numpy()
    del module
    signature = hub.load(str(saved_models.LEGACY / "text_embed")).signatures["default"]
    gc.collect()
    np.testing.assert_array_equal(signature(words)["default"].numpy(), expected)


def test_gradients_flow_into_the_variables_of_a_function_alone(shift):
    call = hub.load(shift).__call__
    gc.collect()
    (trace,) = call.concrete_functions
    variables = list(trace.graph.variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(call(tf.constant([1.0, 2.0])))
    assert sorted(float(gradient[0]) for gradient in tape.gradient(loss, variables)) == [2.0, 3.0]


def test_dropping_the_object_frees_its_variables_at_once(shift):
    obj = hub.load(shift)
    obj(tf.constant([1.0]))
    variables = [weakref.ref(obj.v), weakref.ref(obj.inner.w)]
    gc.disable()
    try:
        del obj
        assert [variable() for variable in variables] == [None, None]
    finally:
        gc.enable()


def test_dropping_the_last_function_frees_its_variables(lookup):
    obj = hub.load(lookup)
    variable, table = weakref.ref(obj.inner.w), weakref.ref(obj.table)
    scale = obj.inner.scale
    del obj
    gc.collect()
    assert variable() is not None
    del scale
    gc.collect()
    assert variable() is None
    assert table() is None


def test_a_function_retains_only_what_it_uses(shift):
    obj = hub.load(shift)
    root, used, unused = weakref.ref(obj), weakref.ref(obj.v), weakref.ref(obj.parts[0].w)
    signature = obj.signatures["serving_default"]
    del obj
    gc.collect()
    assert signature(tf.constant([1.0]))["output_0"].numpy().tolist() == [5.0]
    assert used() is not None
    assert unused() is None
    assert root() is None


def test_an_object_loaded_while_a_function_is_traced_lives_as_long_as_the_trace(lookup):
    @tf.function
    def find(words):
        return hub.load(lookup).find(words)

    for _ in range(2):
        assert find(tf.constant(["b"])).numpy().tolist() == [1]
        gc.collect()


def test_the_object_can_be_saved_again(lookup, tmp_path):
    obj = hub.load(lookup)
    obj.v.assign([10.0])
    tf.saved_model.save(obj, str(tmp_path / "again"), signatures=obj.signatures)
    again = hub.load(str(tmp_path / "again"))
    assert again(tf.constant([1.0])).numpy().tolist() == [13.0]
    assert again.find(tf.constant(["c"])).numpy().tolist() == [2]
    assert sorted(again.signatures) == ["find", "serving_default"]


def test_a_checkpoint_has_the_same_entries_as_that_of_tensorflows_object(lookup, tmp_path):
    def keys(obj):
        path = tf.train.Checkpoint(obj=obj).save(str(tmp_path / "checkpoint"))
        return sorted(name for name, _ in tf.train.list_variables(path))

    assert keys(hub.load(lookup)) == keys(tf.compat.v1.saved_model.load_v2(lookup))


@pytest.mark.parametrize("model", ["lookup", "v1"])
def test_the_public_attributes_are_those_of_tensorflows_object(model, request):
    path = request.getfixturevalue(model)

    def public(obj):
        return [name for name in dir(obj) if not name.startswith("_")]

    assert public(hub.load(path)) == public(tf.compat.v1.saved_model.load_v2(path))
