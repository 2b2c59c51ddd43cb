"""Train a module by `hub.Module` in TF 1.15, for `benchmarks/retrain.py`.

Usage: `python benchmarks/tf115/retrain.py MODULE BATCH RATE`: the module's directory, the file with the batch and the
head, and the learning rate. It prints the time to load, in JSON. Then it reads numbers of steps from the standard
input, one a line, takes these steps, and prints their time.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import tensorflow as tf

try:
    import tensorflow_hub as hub
except ImportError:
    import rehub as hub


def main(path: str, batch_file: str, rate: str) -> None:
    """Load the module, then take the steps of each request."""
    tf.compat.v1.logging.set_verbosity("ERROR")
    batch = np.load(batch_file)
    start = time.perf_counter()
    module = hub.Module(path, trainable=True, tags={"train"})
    loaded = time.perf_counter()
    images, labels = (
        tf.compat.v1.placeholder(tf.float32, batch["images"].shape),
        tf.compat.v1.placeholder(tf.int32, batch["labels"].shape),
    )
    logits = tf.matmul(module(images), tf.Variable(batch["kernel"])) + tf.Variable(batch["bias"])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    loss += tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.GradientDescentOptimizer(float(rate)).minimize(loss)
    fed = {images: batch["images"], labels: batch["labels"]}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, fed)
        answer({"load": loaded - start, "first": time.perf_counter() - loaded})
        for line in sys.stdin:
            start = time.perf_counter()
            for _ in range(int(line)):
                value = session.run([loss, step], fed)[0]
            answer({"seconds": time.perf_counter() - start, "loss": float(value)})


def answer(message: dict[str, float]) -> None:
    """Print a line."""
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
