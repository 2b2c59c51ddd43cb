"""Goes on training a published model for digits that it never saw, then saves the result and loads it again.

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
    """Trains a new layer on the frozen model first, then both together, at a tenth of the pace."""
    keras.utils.set_random_seed(7)
    training, testing = digits.load((5, 6, 7, 8, 9), training_images=100)
    layer = hub.KerasLayer(handle, trainable=False)
    model = keras.Sequential([keras.layers.Input((8, 8, 1)), layer, keras.layers.Dense(5)])

    def accuracy_after(epochs: int, learning_rate: float) -> float:
        # Compiled anew each time: Keras decides what to train when it compiles.
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
    print(f"  {frozen:6.1%}  after training the new layer alone, with the loaded model frozen")
    print(
        f"  {tuned:6.1%}  after fine-tuning both, {len(layer.trainable_weights)} weights of the loaded model among them"
    )
    if not untrained < frozen < tuned:
        sys.exit("Each step should have raised the accuracy.")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "five_to_nine.keras")
        model.save(path)
        # Loading a hub.KerasLayer loads a SavedModel, which is a program: Keras asks to be told that it is trusted.
        reloaded = keras.models.load_model(path, safe_mode=False)
    difference = np.max(np.abs(reloaded.predict(testing.images, verbose=0) - model.predict(testing.images, verbose=0)))
    print(f"Saved, loaded again: the predictions differ by {difference:.1e} at most.")
    if not difference < 1e-5:
        sys.exit("The reloaded model predicts something else.")


if __name__ == "__main__":
    with publish_digits.published(*sys.argv[1:]) as url:
        main(url)
