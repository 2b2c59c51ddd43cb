"""Train a new layer on top of a frozen `hub.KerasLayer`, for digits that the model never saw.

Usage: `python examples/feature_extraction.py [FOLDER OF PUBLISHED MODELS]`
"""

from __future__ import annotations

import sys

import digits
import publish_digits
from tensorflow import keras

import rehub as hub


def main(handle: str) -> None:
    """Train only the new layer, on 50 images."""
    keras.utils.set_random_seed(7)
    training, testing = digits.load((5, 6, 7, 8, 9), training_images=50)
    layer = hub.KerasLayer(handle)
    model = keras.Sequential([keras.layers.Input((8, 8, 1)), layer, keras.layers.Dense(5)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    model.summary()

    _, before = model.evaluate(*testing, verbose=0)
    model.fit(*training, epochs=30, verbose=0)
    _, after = model.evaluate(*testing, verbose=0)
    print("Accuracy on unseen images of the digits 5 to 9:")
    print(f"  {before:6.1%}  before: the new layer is untrained")
    print(f"  {after:6.1%}  after training only the new layer")
    if after <= before:
        sys.exit("Training the new layer did not raise the accuracy.")


if __name__ == "__main__":
    with publish_digits.published(*sys.argv[1:]) as url:
        main(url)
