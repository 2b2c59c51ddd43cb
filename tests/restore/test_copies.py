"""Copies of what `hub.load` returns: pickled by handle while unchanged, copied with its values."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub

LOADERS = ["tensorflow"] if saved_models.IS_TF1 else ["lazy", "tensorflow"]
X = tf.constant([1.0, 2.0])


@pytest.fixture(params=LOADERS)
def loader(request):
    return request.param


@pytest.mark.parametrize("used", [False, True])
def test_an_unchanged_object_is_pickled_by_its_handle(used, loader, lookup):
    obj = hub.load(lookup, loader=loader)
    if used:
        obj(X)
        vars(obj)
    written = pickle.dumps(obj)
    assert len(written) < 1000
    made = pickle.loads(written)
    assert hub.load_report(made).loader == loader
    np.testing.assert_array_equal(made(X), obj(X))
    assert made.find(tf.constant(["c", "z"])).numpy().tolist() == [2, -1]
    made.v.assign([9.0])
    assert obj.v.numpy().tolist() == [2.0]


@pytest.mark.parametrize("change", [lambda obj: obj.v.assign([7.0]), lambda obj: obj.parts[0].w.assign([7.0])])
def test_an_object_with_other_values_is_copied_but_not_pickled(change, loader, shift):
    obj = hub.load(shift, loader=loader)
    change(obj)
    with pytest.raises(pickle.PicklingError, match=r"tf.saved_model.save.*hand over the handle") as error:
        pickle.dumps(obj)
    assert isinstance(error.value, hub.HubError) and isinstance(error.value, TypeError)
    assert repr(str(shift)) in str(error.value)
    made = copy.deepcopy(obj)
    np.testing.assert_array_equal(made(X), obj(X))
    assert made.parts[0].w.numpy() == obj.parts[0].w.numpy()
    made.v.assign([9.0])
    made.inner.w.assign([9.0])
    assert obj.inner.w.numpy().tolist() == [3.0] and obj.v.numpy() != 9.0
    assert copy.deepcopy(made).v.numpy().tolist() == [9.0]


def test_what_the_user_has_attached_is_copied_too(loader, shift):
    obj = hub.load(shift, loader=loader)
    obj.notes = {"labels": ["cat", "dog"]}
    for made in (copy.deepcopy(obj), pickle.loads(pickle.dumps(obj))):
        assert made.notes["labels"] == ["cat", "dog"]
        made.notes["labels"].append("bird")
    assert len(obj.notes["labels"]) == 2


def test_a_shallow_copy_shares_the_variables(loader, shift):
    obj = hub.load(shift, loader=loader)
    made = copy.copy(obj)
    assert made is not obj and made.v is obj.v
    made.extra = tf.Variable(1.0)
    assert not hasattr(obj, "extra")
    np.testing.assert_array_equal(made(X), obj(X))


PARTS = {
    "part": lambda obj: obj.inner,
    "signature": lambda obj: obj.signatures["serving_default"],
    "call": lambda obj: obj.__call__,
    "method": lambda obj: obj.inner.scale,
    "signatures": lambda obj: obj.signatures,
}


@pytest.mark.parametrize("part", list(PARTS))
def test_a_part_says_what_to_pickle_instead(part, loader, shift):
    obj = hub.load(shift, loader=loader)
    for make in (pickle.dumps, copy.deepcopy):
        with pytest.raises(hub.HubError, match=r"(Pickle or copy|Copy or pickle) the object that hub.load returned"):
            make(PARTS[part](obj))


def test_models_of_tf1_are_copied_with_their_values(v1):
    for path in (v1, str(saved_models.LEGACY / "conv_bn")):
        obj = hub.load(path)
        made = pickle.loads(pickle.dumps(obj))
        assert type(made).__name__ == type(obj).__name__
        assert sorted(made.signatures) == sorted(obj.signatures)
        for variable in obj.variables:
            variable.assign(variable + 1)
        if obj.variables:
            with pytest.raises(pickle.PicklingError):
                pickle.dumps(obj)
        made = copy.deepcopy(obj)
        assert [v.numpy().tolist() for v in made.variables] == [v.numpy().tolist() for v in obj.variables]
        assert not {id(v) for v in made.variables} & {id(v) for v in obj.variables}


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 saves no tables that can change")
def test_a_changed_table_counts_as_a_changed_value(loader, tmp_path):
    class Dictionary(tf.Module):
        def __init__(self):
            super().__init__()
            self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

        @tf.function(input_signature=[saved_models.STRINGS, tf.TensorSpec([None], tf.int64)])
        def insert(self, words, places):
            self.table.insert(words, places)
            return self.table.size()

        @tf.function(input_signature=[saved_models.STRINGS])
        def __call__(self, words):
            return self.table.lookup(words)

    model = Dictionary()
    model.insert(tf.constant(["a"]), tf.constant([1], tf.int64))
    tf.saved_model.save(model, str(tmp_path))
    obj = hub.load(str(tmp_path), loader=loader)
    assert pickle.loads(pickle.dumps(obj))(tf.constant(["a", "b"])).numpy().tolist() == [1, -1]
    obj.insert(tf.constant(["b"]), tf.constant([2], tf.int64))
    with pytest.raises(hub.HubError, match="table"):
        pickle.dumps(obj)
    made = copy.deepcopy(obj)
    assert made(tf.constant(["a", "b"])).numpy().tolist() == [1, 2]
    made.insert(tf.constant(["b"]), tf.constant([3], tf.int64))
    assert obj(tf.constant(["b"])).numpy().tolist() == [2]


@pytest.mark.usefixtures("few_measurements")
def test_an_optimized_object_is_pickled(shift):
    if saved_models.IS_TF1:
        pytest.skip("TensorFlow 1.15 cannot optimize")
    obj = hub.load(shift, optimize="inference")
    for make in (copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))):
        np.testing.assert_allclose(make(obj)(X), obj(X), rtol=1e-5)
