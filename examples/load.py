"""Load a model by its URL with `hub.load`, and call it.

Usage: `python examples/load.py [FOLDER OF PUBLISHED MODELS]`
"""

from __future__ import annotations

import sys

import digits
import publish_digits
import tensorflow as tf

import rehub as hub


def main(handle: str) -> None:
    """Load the model, call it and its signature, and print its variables and losses."""
    model = hub.load(handle)
    _, testing = digits.load((5, 6, 7, 8, 9))

    features = model(testing.images)
    print(f"model(images): {testing.images.shape} -> {features.shape} {features.dtype.name}")

    serving = model.signatures["serving_default"]
    outputs = serving(images=tf.constant(testing.images))
    print(f"signature serving_default: {serving.structured_input_signature[1]} -> {sorted(outputs)}")
    difference = float(tf.reduce_max(tf.abs(outputs["features"] - features)))
    print(f"largest difference between the two: {difference:.1e}")

    print(f"variables: {len(model.variables)}, trainable: {len(model.trainable_variables)}")
    print(f"regularization losses: {[round(float(loss()), 4) for loss in model.regularization_losses]}")


if __name__ == "__main__":
    with publish_digits.published(*sys.argv[1:]) as url:
        main(url)
