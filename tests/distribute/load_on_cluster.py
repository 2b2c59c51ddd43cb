"""Load a model whose variables go to another machine, and print the results as JSON. It runs as a separate process.

Usage: load_on_cluster.py MODEL parameter_servers | device
"""

from __future__ import annotations

import json
import os
import sys

import tensorflow as tf

import rehub as hub


def scope_of(how):
    cluster = tf.train.ClusterSpec(json.loads(os.environ["CLUSTER"]))
    if how == "parameter_servers":
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster, rpc_layer="grpc")
        return tf.distribute.ParameterServerStrategy(resolver).scope
    tf.config.experimental_connect_to_cluster(cluster)
    return lambda: tf.device("/job:worker/task:0")


def outcome(load):
    try:
        variable = load().v
    except (OSError, tf.errors.OpError) as error:
        return str(error)
    return [variable.device, variable.numpy().tolist()]


def main(path, how):
    scope = scope_of(how)
    options = tf.saved_model.LoadOptions
    elsewhere = options(experimental_io_device="/job:worker/task:0/device:CPU:0")
    partial = options(allow_partial_checkpoint=True)
    with scope():
        outcomes = {
            "tensorflow": outcome(lambda: tf.saved_model.load(path)),
            "rehub": outcome(lambda: hub.load(path)),
            "other options": outcome(lambda: hub.load(path, options=partial)),
            "read elsewhere": outcome(lambda: hub.load(path, options=elsewhere)),
        }
    outcomes["options changed"] = partial.experimental_io_device is not None
    print(json.dumps(outcomes), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
