"""Fine-tuning by hub.Module has the losses and weights of tensorflow_hub 0.12 on TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
import pytest
from saved_models import tf
from trajectories import with_each_trajectory

import rehub as hub

v1 = tf.compat.v1


def _placeholders(arrays):
    def placeholder(value):
        if isinstance(value, tuple):
            return v1.sparse_placeholder(value[1].dtype, [None] * value[0].shape[-1])
        dtype = tf.string if value.dtype.kind == "S" else value.dtype
        return v1.placeholder(dtype, [None] * value.ndim)

    return {key: placeholder(value) for key, value in arrays.items()}


def _fed(placeholders, arrays):
    return {
        placeholders[key]: v1.SparseTensorValue(*value) if isinstance(value, tuple) else value
        for key, value in arrays.items()
    }


def _named(outputs, signature):
    def dense(output):
        return v1.sparse_tensor_to_dense(output) if isinstance(output, tf.SparseTensor) else output

    return {(signature, name): dense(output) for name, output in outputs.items()}


# TensorFlow 1.15 warns about the gradient of multi_sig's embedding.
@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices to a dense Tensor")
@with_each_trajectory()
def test_losses_and_variables_of_20_steps_are_those_of_tf_1_15(trajectory):
    recipe = trajectory.recipe
    with tf.Graph().as_default():
        inputs = _placeholders(trajectory.inputs("steps", 0))
        labels = v1.placeholder(tf.as_dtype(trajectory.data["labels"].dtype))
        module = hub.Module(trajectory.path, trainable=True, tags=recipe["tags"] or None)
        applied = [
            module({name: inputs[key] for name, key in feeds.items()}, signature=signature)
            for signature, feeds in recipe["calls"]
        ]
        head_w = tf.Variable(trajectory.data["head_w"], trainable=recipe["head_trained"])
        head_b = tf.Variable(trajectory.data["head_b"], trainable=recipe["head_trained"])
        logits = tf.matmul(tf.concat(applied, -1), head_w) + head_b
        if recipe["loss_kind"] == "softmax":
            task = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        else:
            task = tf.reduce_mean(tf.square(logits - labels))
        regularization = v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)
        updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        assert len(regularization) == recipe["n_regularization_losses"]
        assert len(updates) == recipe["n_update_ops"]
        loss = task + tf.add_n(regularization) if regularization else task
        optimizer = v1.train.GradientDescentOptimizer(recipe["lr"])
        gradients = optimizer.compute_gradients(loss)
        with tf.control_dependencies(updates):
            step = optimizer.apply_gradients(gradients)
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            losses = []
            for number in range(recipe["steps"]):
                fed = _fed(inputs, trajectory.inputs("steps", number))
                losses.append(session.run([loss, step], {**fed, labels: trajectory.data["labels"][number]})[0])
            final = session.run({variable.op.name.partition("/")[2]: variable for variable in module.variables})
    np.testing.assert_allclose(losses, trajectory.recorded["losses"], rtol=0, atol=trajectory.tolerance)
    recorded = trajectory.final()
    assert sorted(final) == sorted(recorded)
    for name, value in recorded.items():
        np.testing.assert_allclose(final[name], value, rtol=0, atol=trajectory.tolerance, err_msg=name)


@with_each_trajectory()
def test_outputs_before_training_are_those_of_tf_1_15(trajectory):
    arrays = trajectory.inputs("eval")
    with tf.Graph().as_default():
        inputs = _placeholders(arrays)
        module = hub.Module(trajectory.path)
        outputs = {}
        for signature, feeds in trajectory.recipe["infer"]:
            applied = {name: inputs[key] for name, key in feeds.items()}
            outputs.update(_named(module(applied, signature=signature, as_dict=True), signature))
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            values = session.run(outputs, _fed(inputs, arrays))
    for signature, output, value in trajectory.outputs("before"):
        np.testing.assert_allclose(values[signature, output], value, rtol=1e-5, atol=1e-5, err_msg=output)
