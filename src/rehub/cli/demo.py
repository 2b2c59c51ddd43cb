"""`rehub demo`: a first program. It writes a small model, loads it, trains it, and prints the lines to type next."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehub.cli import output
from rehub.cli.demo_model import LABELS, SENTENCES, UNSEEN, save_sentence_model
from rehub.cli.exit_codes import DONE
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import ArchiveNotWritten
from rehub.version import __version__

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Writes a small model of sentences into DIR, loads it by hub.load, and trains it by hub.KerasLayer in a\n"
        "classifier of film reviews. It needs TensorFlow and no network, and takes a few seconds. The model stays\n"
        "in DIR, so that you can go on with it."
    )
    parser.add_argument("directory", metavar="DIR", nargs="?", default="demo_model", help="default: ./demo_model")


def run(arguments: Namespace) -> int:
    """Writes the model if it is not there, and uses it in each of the two ways."""
    from rehub.keras import KerasLayer
    from rehub.loading import load

    directory = arguments.directory
    tf = start_tensorflow()
    start = time.monotonic()
    output.line(f"rehub {__version__}, TensorFlow {tf.__version__}")
    _write(tf, directory)

    output.line("")
    output.line(f"model = hub.load({directory!r})")
    model = load(directory)
    output.line(f"model(['a fine film']) is a tensor of shape {model(tf.constant(['a fine film'])).shape}")

    output.line("")
    output.line(f"layer = hub.KerasLayer({directory!r}, trainable=True)")
    before, after, predictions = _train(tf, KerasLayer(directory, trainable=True))
    output.line(
        f"in a classifier, 30 epochs over {len(SENTENCES)} sentences take its loss from {before:.2f} to {after:.2f}"
    )
    for sentence, prediction in zip(UNSEEN, predictions):
        output.line(f"  {sentence!r}: {'good' if prediction > 0 else 'bad'} ({prediction:+.1f})")
    output.line("")
    output.line(f"Done in {time.monotonic() - start:.1f} seconds. Go on with:")
    output.line(f"  rehub show {directory}")
    output.line(f"  rehub run {directory} --input 'sentences=[\"a fine film\"]'")
    output.line(f"  python -c \"import rehub as hub; print(hub.load({directory!r})(['a fine film']))\"")
    return DONE


def _write(tf: Any, directory: str) -> None:
    path = Path(directory)
    if (path / "saved_model.pb").is_file():
        output.line(f"{directory}: a model is there already, and is used")
        return
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ArchiveNotWritten(f"{directory!r} exists and holds something else. Name a new directory: rehub demo DIR.")
    save_sentence_model(tf, directory)
    output.line(f"{directory}: a new model, which maps a sentence to the mean of its words' vectors")


def _train(tf: Any, layer: Any) -> tuple[float, float, list[float]]:
    """The loss before and after the training, and what the classifier says of sentences that it has not seen."""
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
