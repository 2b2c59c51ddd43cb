"""Objects of a lazily loaded model set their attributes when these are used, without visible difference."""

from __future__ import annotations

import copy
import threading

import pytest
import saved_models
import tensorflow as tf

import rehub as hub

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("objects") / "model")
    model = tf.Module()
    model.inner = tf.Module()
    model.inner.v = tf.Variable(2.0)
    model.inner.empty = tf.Module()
    model.inner.scaled = tf.function(lambda x: x * model.inner.v, [tf.TensorSpec([], tf.float32)])
    model.callable = tf.Module()
    model.callable.__call__ = tf.function(lambda x: x + 1.0, [tf.TensorSpec([], tf.float32)])
    model.list = [model.inner, {"v": model.inner.v}, [model.callable]]
    tf.saved_model.save(model, path)
    return path


@pytest.fixture(params=["lazy", "tensorflow"])
def obj(path, request):
    return hub.load(path, loader=request.param)


def test_attributes_are_found_by_each_way_of_access(obj):
    assert obj.inner.v.numpy() == 2.0
    assert "scaled" in vars(obj.inner)
    assert {"v", "empty", "scaled"} <= set(dir(obj.inner))
    assert not hasattr(obj.inner, "absent")
    with pytest.raises(AttributeError, match="'_UserObject' object has no attribute 'absent'"):
        _ = obj.inner.absent
    assert type(obj.inner).__name__ == "_UserObject"
    assert repr(obj.inner).startswith("<tensorflow.python.saved_model.load.Loader._recreate_base_user_object")


def test_an_object_can_be_called_if_it_has_a_call(obj):
    assert callable(obj.callable)
    assert not callable(obj.inner)
    assert obj.callable(tf.constant(1.0)).numpy() == 2.0
    assert obj.callable(tf.constant(2.0)).numpy() == 3.0
    assert hasattr(obj.callable.__call__, "get_concrete_function")


def test_the_attribute_call_is_the_restored_function(obj):
    assert hasattr(obj.callable.__call__, "get_concrete_function")
    assert obj.callable(tf.constant(1.0)).numpy() == 2.0


def test_attributes_can_be_set_and_deleted(obj):
    obj.inner.extra = tf.Variable(1.0)
    obj.inner.empty.v = 5
    assert obj.inner.v.numpy() == 2.0
    assert obj.inner.empty.v == 5
    del obj.callable.__call__
    assert "__call__" not in vars(obj.callable)
    del obj.inner.scaled
    assert not hasattr(obj.inner, "scaled")


def test_an_object_is_tracked_with_all_its_children(obj, tmp_path):
    checkpoint = tf.train.Checkpoint(root=obj).write(str(tmp_path / "checkpoint"))
    names = {name for name, _ in tf.train.list_variables(checkpoint)}
    assert "inner/v/.ATTRIBUTES/VARIABLE_VALUE" in names


def test_lists_and_dicts_have_their_members(obj):
    assert obj.list[0] is obj.inner
    assert obj.list[1]["v"] is obj.inner.v
    assert obj.list[2][0] is obj.callable
    assert len(obj.list) == 3


def test_a_shallow_copy_has_the_same_children(obj):
    again = copy.copy(obj.inner)
    assert again is not obj.inner
    assert again.v is obj.inner.v


def test_attributes_are_found_by_several_threads_at_once(path):
    for _ in range(20):
        obj = hub.load(path, loader="lazy")
        found, start = [], threading.Barrier(8)

        def ask(obj=obj, found=found, start=start):
            start.wait()
            found.append((obj.inner.v, obj.inner.scaled, vars(obj.inner)["empty"]))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert all(a is b for each in found for a, b in zip(each, found[0]))


def test_an_object_is_traced_as_a_function(obj):
    assert tf.function(obj.callable)(tf.constant(2.0)).numpy() == 3.0
