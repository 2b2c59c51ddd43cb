"""`rehub demo`: write a small model, load it and train it, and print what to type next."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from rehub.cli import output
from rehub.cli.demo_model import LABELS, SENTENCES, UNSEEN, save_sentence_model
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import ArchiveNotWritten
from rehub.version import __version__


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Writes a small sentence model to DIR, loads it with hub.load, and trains it with hub.KerasLayer as part of a\n"
        "classifier of film reviews. It needs TensorFlow but no network, and takes a few seconds. The model stays\n"
        "in DIR, so that you can use it."
    )
    parser.add_argument(
        "directory",
        metavar="DIR",
        nargs="?",
        default="demo_model",
        help="where to write the model (default: ./demo_model)",
    )
    parser.add_examples("demo", "demo my_first_model")


def run_command(arguments: Namespace) -> int:
    from rehub.keras import KerasLayer
    from rehub.loading import load

    directory = arguments.directory
    tf = start_tensorflow()
    start = time.monotonic()
    output.print_line(f"rehub {__version__}, TensorFlow {tf.__version__}")
    _write_model(tf, directory)

    output.print_line("")
    output.print_line(f"model = hub.load({directory!r})")
    model = load(directory)
    output.print_line(f"model(['a fine film']) is a tensor of shape {model(tf.constant(['a fine film'])).shape}")

    output.print_line("")
    output.print_line(f"layer = hub.KerasLayer({directory!r}, trainable=True)")
    before, after, predictions = _train_classifier(tf, KerasLayer(directory, trainable=True))
    output.print_line(
        f"in a classifier, 30 epochs over {len(SENTENCES)} sentences take its loss from {before:.2f} to {after:.2f}"
    )
    for sentence, prediction in zip(UNSEEN, predictions):
        output.print_line(f"  {sentence!r}: {'good' if prediction > 0 else 'bad'} ({prediction:+.1f})")
    output.print_line("")
    output.print_line(f"Done in {time.monotonic() - start:.1f} seconds. Try next:")
    output.print_line(f"  rehub show {directory}")
    output.print_line(f"  rehub run {directory} --input 'sentences=[\"a fine film\"]'")
    output.print_line(f"  python -c \"import rehub as hub; print(hub.load({directory!r})(['a fine film']))\"")
    return OK


def _write_model(tf: Any, directory: str) -> None:
    path = Path(directory)
    if (path / "saved_model.pb").is_file():
        output.print_line(f"{directory}: a model exists already; using it")
        return
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ArchiveNotWritten(f"{directory!r} exists and is not a model. Name a new directory: rehub demo DIR.")
    save_sentence_model(tf, directory)
    output.print_line(f"{directory}: a new model, which maps a sentence to the mean of its word vectors")


def _train_classifier(tf: Any, layer: Any) -> tuple[float, float, list[float]]:
    """Return the loss before and after training, and the predictions for sentences that were not trained on."""
    from rehub.keras.keras_in_use import keras_in_use

    keras = keras_in_use().module
    classifier = keras.Sequential([keras.layers.Input((), dtype="string"), layer, keras.layers.Dense(1)])
    classifier.compile(keras.optimizers.Adam(0.05), keras.losses.BinaryCrossentropy(from_logits=True))
    sentences, labels = tf.constant(SENTENCES), tf.constant(LABELS, shape=[len(LABELS), 1])
    before = classifier.evaluate(sentences, labels, verbose=0, steps=1)
    classifier.fit(sentences, labels, epochs=30, verbose=0, steps_per_epoch=1)
    after = classifier.evaluate(sentences, labels, verbose=0, steps=1)
    predictions = classifier.predict(tf.constant(UNSEEN), verbose=0, steps=1)
    return float(before), float(after), [float(prediction[0]) for prediction in predictions]
