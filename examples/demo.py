"""Publish a model, load it by its URL, fine-tune it in Keras, save it, and load it again (`make demo`)."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import fine_tuning
import hosting
import load
import publish_digits
import tensorflow as tf

import rehub


def main() -> None:
    """Announce each step, and run it."""
    start = time.monotonic()
    print(f"rehub {rehub.__version__}, TensorFlow {tf.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TFHUB_CACHE_DIR"] = str(Path(folder, "cache"))
        models = Path(folder, "models")

        announce("1. A publisher trains a small network on handwritten digits 0 to 4 and saves it as a SavedModel.")
        print(f"Its accuracy on unseen images is {publish_digits.publish(models):.1%}.")

        with hosting.serve(models) as base_url:
            handle = f"{base_url}/{publish_digits.NAME}"
            announce(f"2. A server on this machine hosts it: {handle}")

            announce("3. A user loads it by that URL. hub.load downloads it, unpacks it and restores it.")
            load.main(handle)

            announce(
                "4. The user has 100 images of the digits 5 to 9, which the model never saw, and wants a classifier."
            )
            print("hub.KerasLayer wraps the model as a layer. A new layer on top is trained first, then both.")
            fine_tuning.main(handle)
    print(f"\nDone in {time.monotonic() - start:.0f} seconds.")


def announce(sentence: str) -> None:
    """Print the next step after an empty line."""
    print(f"\n{sentence}", flush=True)


if __name__ == "__main__":
    main()
