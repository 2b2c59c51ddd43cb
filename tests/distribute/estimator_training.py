"""Train an Estimator whose model_fn uses a restored model, as the task of a cluster that TF_CONFIG names.

Usage: estimator_training.py MODEL DIRECTORY load | layer
"""

from __future__ import annotations

import json
import sys

import tensorflow as tf

import rehub as hub

v1 = tf.compat.v1


def input_fn():
    x = tf.constant([[1.0], [2.0], [-1.0]])
    return v1.data.Dataset.from_tensors((x, 3.0 * x)).repeat()


def model_fn_of(path, how):
    def model_fn(features, labels, mode):
        if how == "layer":
            layer = hub.KerasLayer(path, trainable=True)
            outputs, variables = layer(features), layer.trainable_weights
        else:
            model = hub.load(path)
            outputs, variables = model(features), [model.w]
        loss = tf.reduce_mean((tf.reduce_sum(outputs, axis=1, keepdims=True) - labels) ** 2)
        step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_global_step(), var_list=variables)
        for variable in v1.global_variables():
            print("PLACE", variable.device, flush=True)  # noqa: T201
        return v1.estimator.EstimatorSpec(mode, predictions=outputs, loss=loss, train_op=step)

    return model_fn


def main(path, directory, how):
    v1.logging.set_verbosity(v1.logging.ERROR)
    config = v1.estimator.RunConfig(directory, session_config=hub.session_config(), save_checkpoints_steps=100)
    estimator = v1.estimator.Estimator(model_fn_of(path, how), config=config)
    train = v1.estimator.TrainSpec(input_fn, max_steps=100)
    evaluate = v1.estimator.EvalSpec(input_fn, steps=1, throttle_secs=0, start_delay_secs=0)
    v1.estimator.train_and_evaluate(estimator, train, evaluate)
    values = {name: estimator.get_variable_value(name).tolist() for name in estimator.get_variable_names()}
    print("RESULT", json.dumps(values), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
