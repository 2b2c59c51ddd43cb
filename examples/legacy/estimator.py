"""Fine-tune a legacy module in an Estimator, which exports it again: on TensorFlow 1.15 to 2.15.

Usage: `python examples/legacy/estimator.py`
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import tensorflow as tf
from fine_tune_module import LIKED, TEXTS, export

import rehub as hub

v1 = tf.compat.v1

FORMER_STARS = [4.0, 2.5, 3.0, 1.0, 5.0, 3.5]  # the average stars that the author of each text gave other films


def model_fn(features: dict[str, Any], labels: Any, mode: str, params: dict[str, str]) -> Any:
    """Predict from a text, and from its author's former stars, whether the author liked the film."""
    module = hub.Module(params["module"], trainable=True)
    hub.register_module_for_export(module, "bag_of_words")
    stars = v1.feature_column.input_layer(features, [v1.feature_column.numeric_column("stars")])
    inputs = tf.concat([module(features["text"]), stars], axis=1)
    head = v1.get_variable("head", [9, 1], initializer=v1.random_normal_initializer(seed=2))
    logits = tf.matmul(inputs, head)[:, 0]
    liked = tf.sigmoid(logits)
    if mode == v1.estimator.ModeKeys.PREDICT:
        return v1.estimator.EstimatorSpec(mode, predictions={"liked": liked})
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))
    step = v1.train.GradientDescentOptimizer(0.5).minimize(loss, v1.train.get_global_step())
    metrics = {"accuracy": v1.metrics.accuracy(labels, tf.round(liked))}
    return v1.estimator.EstimatorSpec(mode, loss=loss, train_op=step, eval_metric_ops=metrics)


def input_fn() -> Any:
    """Return all texts as one batch, repeated."""
    return v1.data.Dataset.from_tensors(({"text": TEXTS, "stars": FORMER_STARS}, LIKED)).repeat()


def serving_input_fn() -> Any:
    """Return the inputs of the model for serving."""
    features = {"text": v1.placeholder(tf.string, [None]), "stars": v1.placeholder(tf.float32, [None])}
    return v1.estimator.export.ServingInputReceiver(features, features)


def train(path: str, directory: str) -> str:
    """Train and evaluate in a directory; return the path of the exported module."""
    estimator = v1.estimator.Estimator(model_fn, directory, params={"module": path})
    exporter = hub.LatestModuleExporter("modules", serving_input_fn)
    results, _ = v1.estimator.train_and_evaluate(
        estimator,
        v1.estimator.TrainSpec(input_fn, max_steps=500),
        v1.estimator.EvalSpec(input_fn, steps=1, exporters=[exporter]),
    )
    print(f"accuracy {results['accuracy']:.2f} after {results['global_step']} steps")
    exports = os.path.join(directory, "export", "modules")
    (latest,) = os.listdir(exports)
    return os.path.join(exports, latest, "bag_of_words")


def main() -> None:
    """Make a module, train it in an Estimator, and load the exported module."""
    v1.logging.set_verbosity(v1.logging.ERROR)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "bag_of_words")
        export(path)
        tuned = train(path, os.path.join(directory, "training"))
        with hub.eval_function_for_module(path) as before, hub.eval_function_for_module(tuned) as after:
            moved = abs(after(TEXTS) - before(TEXTS)).max()
        print(f"the exported module, loaded: its embeddings changed by up to {moved:.2f}")


if __name__ == "__main__":
    main()
