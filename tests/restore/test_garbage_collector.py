from __future__ import annotations

import gc
import weakref

import pytest
import saved_models
import tensorflow as tf

import rehub as hub

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_models.save_shift(tmp_path_factory.mktemp("models") / "shift")


@pytest.fixture
def collections():
    """The generations that are collected while a test runs."""
    seen = []

    def note(phase, info):
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_almost_nothing_is_collected_while_a_model_is_loaded(model, collections):
    hub.load(model)
    thresholds = gc.get_threshold()
    gc.set_threshold(20, 1, 1)
    try:
        collections.clear()
        hub.load(model, loader="tensorflow")
        by_tensorflow = len(collections)
        collections.clear()
        hub.load(model, loader="lazy")
        assert len(collections) < by_tensorflow / 4
    finally:
        gc.set_threshold(*thresholds)


def test_earlier_garbage_is_collected_afterwards(model):
    class Ring:
        pass

    ring = Ring()
    ring.itself = ring
    gone = weakref.ref(ring)
    del ring
    hub.load(model)
    assert gc.isenabled()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("use", ["not at all", "called", "differentiated", "listed"])
def test_a_model_is_freed_without_the_collector(model, use):
    gc.collect()
    gc.disable()
    try:
        obj = hub.load(model, loader="lazy")
        freed = [weakref.ref(obj.v), weakref.ref(obj.inner.w)]
        if use == "called":
            obj(tf.constant([1.0]))
            obj.signatures["serving_default"](tf.constant([1.0]))
        elif use == "differentiated":
            with tf.GradientTape() as tape:
                outputs = obj(tf.constant([1.0]))
            del tape, outputs
        elif use == "listed":
            vars(obj)
        del obj
        assert [each() for each in freed] == [None, None]
    finally:
        gc.enable()


def test_a_disabled_collector_stays_disabled(model):
    gc.disable()
    try:
        hub.load(model)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_objects_that_the_program_has_frozen_stay_frozen(model):
    gc.freeze()  # For the rest of the run: tests/conftest.py has frozen most of it.
    frozen = gc.get_freeze_count()
    hub.load(model)
    assert gc.get_freeze_count() >= frozen * 0.9  # Some of it may have been dropped.
