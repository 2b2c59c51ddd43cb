"""Train an object of TF2 as a trajectory of TF 1.15 was trained, and compare."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def tensors(arrays):
    return {
        key: tf.SparseTensor(*value) if isinstance(value, tuple) else tf.constant(value)
        for key, value in arrays.items()
    }


class Retraining:
    """A linear head on an object that is called like a legacy module, trained by plain gradient descent."""

    def __init__(self, trajectory, module):
        self.trajectory = trajectory
        self.module = module
        self.head_w = tf.Variable(trajectory.data["head_w"])
        self.head_b = tf.Variable(trajectory.data["head_b"])

    def loss(self, inputs, labels):
        recipe = self.trajectory.recipe
        features = [
            self.module({name: inputs[key] for name, key in feeds.items()}, training=True, signature=signature)
            for signature, feeds in recipe["calls"]
        ]
        logits = tf.matmul(tf.concat(features, -1), self.head_w) + self.head_b
        if recipe["loss_kind"] == "softmax":
            task = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        else:
            task = tf.square(logits - labels)
        return tf.reduce_mean(task) + sum(loss() for loss in self.module.regularization_losses)

    def step(self, inputs, labels):
        trained = list(self.module.trainable_variables)
        trained += [self.head_w, self.head_b] if self.trajectory.recipe["head_trained"] else []
        with tf.GradientTape() as tape:
            loss = self.loss(inputs, labels)
        rate = self.trajectory.recipe["lr"]
        for variable, gradient in zip(trained, tape.gradient(loss, trained)):
            if isinstance(gradient, tf.IndexedSlices):
                variable.scatter_sub(tf.IndexedSlices(rate * gradient.values, gradient.indices))
            elif gradient is not None:
                variable.assign_sub(rate * gradient)
        return loss

    def run(self, in_function):
        step = tf.function(self.step, reduce_retracing=True) if in_function else self.step
        labels = self.trajectory.data["labels"]
        return [
            float(step(tensors(self.trajectory.inputs("steps", number)), tf.constant(labels[number])))
            for number in range(self.trajectory.recipe["steps"])
        ]


def assert_values_are_final(trajectory, variables):
    """Compare variables, by their names in the module, with the final ones of TF 1.15."""
    recorded = trajectory.final()
    assert sorted(variables) == sorted(recorded)
    for name, value in recorded.items():
        np.testing.assert_allclose(
            variables[name].numpy(), value, rtol=0, atol=trajectory.tolerance, err_msg=f"{trajectory.module}: {name}"
        )


def assert_outputs(trajectory, module, when, tolerance):
    """Compare inference before or after training with that of TF 1.15."""
    arrays = tensors(trajectory.inputs("eval"))
    for signature, feeds in trajectory.recipe["infer"]:
        outputs = module({name: arrays[key] for name, key in feeds.items()}, signature=signature, as_dict=True)
        for recorded_of, output, value in trajectory.outputs(when):
            if recorded_of == signature:
                result = outputs[output]
                result = tf.sparse.to_dense(result) if isinstance(result, tf.SparseTensor) else result
                np.testing.assert_allclose(result.numpy(), value, rtol=tolerance, atol=tolerance, err_msg=output)


def parts_by_name(module):
    """Return the variables by name, each part of a partitioned one under its own name."""
    return {variable.name.partition(":")[0]: variable for variable in module.variables}
