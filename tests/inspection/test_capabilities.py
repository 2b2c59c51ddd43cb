"""What `hub.inspect` says can be done with a model is what `hub.load`, `hub.KerasLayer` and `hub.convert` then do."""

from __future__ import annotations

import pytest
import saved_models
from saved_models import tf

import rehub as hub
from rehub.errors import NotTrainable, SignatureNotFound
from rehub.inspection.summary import IMPORTS

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="models are fine-tuned and retrained in TensorFlow 2")


# Two modules that work for one size of their inputs, which nothing in them tells.
_OF_ONE_SIZE = ("feature/sparse_tensors", "feature/variables_of_other_types")


def layer_of(path):
    try:
        return hub.KerasLayer(path, trainable=True)
    except (NotTrainable, SignatureNotFound):
        return None


def test_a_fine_tunable_model_is_a_layer_with_trainable_weights(inspected):
    verdicts = set()
    for name, path in sorted(inspected.items()):
        if name.startswith(("object/", "published/")) and name != "object/kitchen":
            continue
        info = hub.inspect(path)
        if info.format != "TF2 SavedModel":
            assert not info.can_be_fine_tuned
            continue
        layer = layer_of(path)
        trained = [] if layer is None else layer.trainable_weights
        assert bool(info.can_be_fine_tuned) == bool(trained), (name, info.can_be_fine_tuned)
        if trained:
            assert info.can_be_fine_tuned.reason.startswith(f"{len(trained)} trainable variable"), name
        verdicts.add(bool(trained))
    assert verdicts == {True, False}


def test_a_retrainable_model_can_be_called_in_training_mode(inspected):
    for name, path in sorted(inspected.items()):
        info = hub.inspect(path)
        if not name.startswith(("legacy/", "module/", "feature/")) or name in _OF_ONE_SIZE:
            continue
        call = info.usage[1].rpartition(")")[0]
        call += "training=True)" if call.endswith("(") else ", training=True)"
        names = {}
        exec("\n".join((IMPORTS, info.usage[0])), names)
        if info.can_be_retrained:
            exec(call, names)
            trainable = [variable for variable in info.variables if variable.trainable]
            assert sum(variable.parts for variable in trainable) == len(names["model"].trainable_variables), name
        else:
            assert not names["model"].trainable_variables, (name, info.can_be_retrained)


def test_a_model_of_tf1_is_retrained_after_its_conversion(inspected, tmp_path):
    capability = hub.inspect(inspected["v1"]).can_be_retrained
    assert capability
    assert capability.reason.startswith("After hub.convert")
    converted = hub.convert(inspected["v1"], str(tmp_path / "converted"))
    assert converted.trainable_variables == 1
    assert hub.inspect(converted.directory).can_be_fine_tuned


def test_a_model_without_gradients_cannot_be_retrained(tmp_path):
    v1 = tf.compat.v1

    def queued():
        x = v1.placeholder(tf.float32, [1], "x")
        w = v1.get_variable("w", initializer=3.0)
        queue = tf.queue.FIFOQueue(1, tf.float32)
        with tf.control_dependencies([queue.enqueue(x * w)]):
            hub.add_signature(inputs=x, outputs=tf.reshape(queue.dequeue(), [1]))

    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(queued))
        session.run(v1.global_variables_initializer())
        module.export(str(tmp_path / "queued"), session)
    capability = hub.inspect(str(tmp_path / "queued")).can_be_retrained
    assert not capability
    assert "QueueDequeueV2" in capability.reason
    with pytest.raises(NotTrainable, match="QueueDequeueV2"):
        hub.load(str(tmp_path / "queued"))(tf.constant([1.0]), training=True)
