"""Train a KerasLayer under a strategy of `tf.distribute`, and print the results as JSON. It runs as a separate process.

Usage: training.py MODEL one_device | mirrored | workers | parameter_servers [layer | layer_of_loaded | loop]
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import tensorflow as tf

import rehub as hub

X = np.linspace(-1, 1, 32, dtype="float32").reshape(32, 1)
Y = 3 * X + 1


def make_strategy(how):
    if how == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    if how == "workers":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if how == "parameter_servers":
        cluster = tf.train.ClusterSpec(json.loads(os.environ["CLUSTER"]))
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, rpc_layer="grpc")
        return tf.distribute.ParameterServerStrategy(resolver)
    return tf.distribute.get_strategy()


def fit(strategy, path, model_of=str):
    """Train by Keras. Return the weights of the layer and of a head."""
    with strategy.scope():
        layer = hub.KerasLayer(model_of(path), trainable=True)
        head = tf.keras.layers.Dense(1, kernel_initializer="ones")
        model = tf.keras.Sequential([tf.keras.layers.Input((1,)), layer, head])
        model.compile(tf.keras.optimizers.SGD(0.1), "mse")
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat()
    losses = model.fit(batches, steps_per_epoch=4, epochs=3, shuffle=False, verbose=0).history["loss"]
    devices = [getattr(weight, "device", None) for weight in layer.weights]  # Those of Keras 3 have no device.
    return losses, [weight.tolist() for weight in model.get_weights()], devices


def fit_loaded(strategy, path):
    """Train a layer of a restored object by Keras."""
    return fit(strategy, path, hub.load)


def train(strategy, path):
    """Train the restored object itself in a custom loop, whose steps run on the cluster's workers."""
    with strategy.scope():
        model = hub.load(path)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

    @tf.function
    def step(x, y):
        def on_replica(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((tf.reduce_sum(model(x), axis=1, keepdims=True) - y) ** 2)
            model.w.assign_sub(0.1 * tape.gradient(loss, model.w))
            return loss

        return strategy.reduce("MEAN", strategy.run(on_replica, args=(x, y)), axis=None)

    losses = [float(coordinator.schedule(step, args=(X, Y)).fetch()) for _ in range(5)]
    return losses, [model.w.numpy().tolist()], [model.w.device]


WAYS = {"layer": fit, "layer_of_loaded": fit_loaded, "loop": train}


def main(path, how, way="layer"):
    strategy = make_strategy(how)
    result = WAYS[way](strategy, path)
    print(json.dumps([strategy.num_replicas_in_sync, *result]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
