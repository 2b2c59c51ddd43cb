"""The whole way of a model: published, fetched by its URL, fine-tuned in Keras, saved, loaded again (`make demo`)."""

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
    """Tells each step before it takes it."""
    start = time.monotonic()
    print(f"rehub {rehub.__version__}, TensorFlow {tf.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TFHUB_CACHE_DIR"] = str(Path(folder, "cache"))
        models = Path(folder, "models")

        tell("1. A publisher trains a small network on handwritten digits 0 to 4 and saves it as a SavedModel.")
        print(f"It tells {publish_digits.publish(models):.1%} of the images right that it has not seen.")

        with hosting.serve(models) as base_url:
            handle = f"{base_url}/{publish_digits.NAME}"
            tell(f"2. A server on this machine hosts it: {handle}")

            tell("3. Someone else loads it by that URL. hub.load downloads it, unpacks it and restores it.")
            load.main(handle)

            tell("4. They want to tell the digits 5 to 9 apart, which the model never saw, and have 100 images.")
            print("hub.KerasLayer puts it under one new layer. They train that layer, then both, and save the result.")
            fine_tuning.main(handle)
    print(f"\nDone in {time.monotonic() - start:.0f} seconds.")


def tell(sentence: str) -> None:
    """Prints what comes next, set off from what came before."""
    print(f"\n{sentence}", flush=True)


if __name__ == "__main__":
    main()
