"""hub.Module with eager execution: what works, and the remedies in the error for the rest."""

from __future__ import annotations

import module_fns
import pytest
from saved_models import tf

import rehub as hub

v1 = tf.compat.v1


def test_wrap_function_can_own_a_module():
    spec = hub.create_module_spec(module_fns.scaled)
    initializers = []

    def scale(x):
        module = hub.Module(spec)
        initializers.append(v1.global_variables_initializer())
        return module(x)

    scale = v1.wrap_function(scale, [tf.TensorSpec([None], tf.float32)])
    scale.prune([], initializers)()
    assert scale(tf.constant([2.0])).numpy().tolist() == [6.0]


def test_the_error_in_eager_mode_shows_two_remedies(export):
    path = export(module_fns.scaled)
    with pytest.raises(RuntimeError, match=r"(?s)hub\.load\(handle\).*tf\.Graph\(\)\.as_default\(\)"):
        hub.Module(path)


def test_the_remedies_in_the_error_work(export, run):
    path = export(module_fns.scaled)
    assert hub.load(path)([1.0]).numpy().tolist() == [3.0]
    with tf.Graph().as_default():
        assert run(hub.Module(path)([1.0])) == [3.0]


def test_a_function_of_eager_mode_cannot_make_a_module():
    spec = hub.create_module_spec(module_fns.scaled)

    @tf.function(autograph=False)  # AutoGraph would wrap the error
    def scale(x):
        return hub.Module(spec)(x)

    with pytest.raises(RuntimeError, match="eager execution is enabled"):
        scale(tf.constant([1.0]))
