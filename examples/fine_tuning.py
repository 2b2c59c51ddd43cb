"""Fine-tune a published model for digits that it never saw, save the result, and load it again.

Usage: `python examples/fine_tuning.py [FOLDER OF PUBLISHED MODELS]`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import digits
import numpy as np
import publish_digits
from tensorflow import keras

import rehub as hub


def main(handle: str) -> None:
    """Train a new layer on the frozen model first, then both, at a tenth of the learning rate."""
    keras.utils.set_random_seed(7)
    training, testing = digits.load((5, 6, 7, 8, 9), training_images=100)
    layer = hub.KerasLayer(handle, trainable=False)
    model = keras.Sequential([keras.layers.Input((8, 8, 1)), layer, keras.layers.Dense(5)])

    def accuracy_after(epochs: int, learning_rate: float) -> float:
        # Compiled again each time: Keras decides in compile() what to train.
        optimizer = keras.optimizers.Adam(learning_rate)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        if epochs:
            model.fit(*training, epochs=epochs, batch_size=16, shuffle=True, verbose=0)
        return model.evaluate(*testing, verbose=0)[1]

    untrained = accuracy_after(0, 1e-2)
    frozen = accuracy_after(10, 1e-2)
    layer.trainable = True
    tuned = accuracy_after(20, 1e-3)
    print("Accuracy on unseen images of the digits 5 to 9:")
    print(f"  {untrained:6.1%}  before: the new layer is untrained")
    print(f"  {frozen:6.1%}  after training only the new layer, with the loaded model frozen")
    print(f"  {tuned:6.1%}  after fine-tuning both, with {len(layer.trainable_weights)} weights of the loaded model")
    if not untrained < frozen < tuned:
        sys.exit("Each step should have raised the accuracy.")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "five_to_nine.keras")
        model.save(path)
        # The file loads a SavedModel, which is a program: safe_mode=False says that you trust it.
        reloaded = keras.models.load_model(path, safe_mode=False)
    difference = np.max(np.abs(reloaded.predict(testing.images, verbose=0) - model.predict(testing.images, verbose=0)))
    print(f"Saved and loaded again: the predictions differ by {difference:.1e} at most.")
    if not difference < 1e-5:
        sys.exit("The reloaded model has other predictions.")


if __name__ == "__main__":
    with publish_digits.published(*sys.argv[1:]) as url:
        main(url)
