"""The time to load a model: `hub.load` compared with `tf.saved_model.load`, `tensorflow_hub.load`, and the limit.

The script makes one model of each kind: saved by Keras 2 (with `tf_keras`), exported by Keras 3, Reusable SavedModels
of `tf.Module`, and a text embedding with a table. Each process imports TensorFlow and the library, loads one model in
one way, and calls it or differentiates it once. The ways alternate. The limit is the time to read and parse
`saved_model.pb`, and to read the values by one RestoreV2. Memory is the peak of the process minus its memory before
loading. "rehub, prepared" maps the weights from a prepared form (docs/loading.md).

Usage: python benchmarks/load.py [--rounds 5] [--models DIRECTORY] [--only WORD]

`--models` keeps the models for the next run. load_over_size.py measures how the time grows with a model.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

KERAS_2 = "import sys, tf_keras\ntf_keras.applications.{}(weights=None).save(sys.argv[1], save_format='tf')"
KERAS_3 = "import sys, keras\nkeras.applications.{}(weights=None).export(sys.argv[1], verbose=False)"
REUSABLE = """
import sys, keras, tensorflow as tf

network = keras.applications.{}(weights=None)


class Reusable(tf.Module):
    def __init__(self):
        super().__init__()
        self.variables_ = [each.value for each in network.variables]
        self.trainable_variables_ = [each.value for each in network.trainable_variables]
        self.regularization_losses = []

    @tf.function
    def __call__(self, inputs, training=False):
        return network(inputs, training=training)


model = Reusable()
specs = tf.TensorSpec([None, *network.input_shape[1:]], tf.float32)
for training in (False, True):
    model.__call__.get_concrete_function(specs, training=training)
tf.saved_model.save(model, sys.argv[1], {{"serving_default": model.__call__.get_concrete_function(specs)}})
"""
TRANSFORMER = """
import sys, tensorflow as tf

WIDTH, HEADS, LAYERS, WORDS, LENGTH = 768, 12, 12, 30522, 512


def weight(*shape):
    return tf.Variable(tf.random.stateless_normal(shape, (1, 2), stddev=0.02))


class Dense(tf.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.kernel, self.bias = weight(inputs, outputs), tf.Variable(tf.zeros(outputs))

    def __call__(self, x):
        return tf.tensordot(x, self.kernel, 1) + self.bias


class Norm(tf.Module):
    def __init__(self):
        super().__init__()
        self.gamma, self.beta = tf.Variable(tf.ones(WIDTH)), tf.Variable(tf.zeros(WIDTH))

    def __call__(self, x):
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, 1e-6)


class Block(tf.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (Dense(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = Dense(WIDTH, 4 * WIDTH), Dense(4 * WIDTH, WIDTH)
        self.first, self.second = Norm(), Norm()

    def heads(self, x):
        return tf.transpose(tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], HEADS, WIDTH // HEADS]), [0, 2, 1, 3])

    def __call__(self, x):
        query, key, value = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
        scores = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / (WIDTH // HEADS) ** 0.5)
        mixed = tf.reshape(tf.transpose(tf.matmul(scores, value), [0, 2, 1, 3]), tf.shape(x))
        x = self.first(x + self.out(mixed))
        return self.second(x + self.narrow(tf.nn.gelu(self.wide(x))))


class Transformer(tf.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = weight(WORDS, WIDTH), weight(LENGTH, WIDTH)
        self.norm, self.blocks = Norm(), [Block() for _ in range(LAYERS)]

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def __call__(self, ids):
        x = self.norm(tf.gather(self.words, ids) + self.places[: tf.shape(ids)[1]])
        for block in self.blocks:
            x = block(x)
        return x


model = Transformer()
tf.saved_model.save(model, sys.argv[1], {"serving_default": model.__call__.get_concrete_function()})
"""
TEXT = """
import os, sys, tempfile, tensorflow as tf


class Text(tf.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.vocabulary = tf.saved_model.Asset(vocabulary)
        lines = tf.lookup.TextFileIndex
        words = tf.lookup.TextFileInitializer(
            self.vocabulary, tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER
        )
        self.table = tf.lookup.StaticVocabularyTable(words, 1)
        self.embeddings = tf.Variable(tf.random.stateless_normal([50001, 64], (1, 2)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, sentences):
        words = tf.strings.split(sentences)
        rows = tf.gather(self.embeddings, self.table.lookup(words.values))
        return tf.math.unsorted_segment_mean(rows, words.value_rowids(), words.nrows())


with tempfile.TemporaryDirectory() as directory:
    vocabulary = os.path.join(directory, "vocabulary.txt")
    with open(vocabulary, "w") as file:
        file.writelines(f"word{number}\\n" for number in range(50000))
    model = Text(vocabulary)
    tf.saved_model.save(model, sys.argv[1], {"serving_default": model.__call__.get_concrete_function()})
"""
MODELS = {
    "EfficientNetB3, saved by Keras 2": KERAS_2.format("EfficientNetB3"),
    "MobileNetV2, saved by Keras 2": KERAS_2.format("MobileNetV2"),
    "ResNet50V2, exported by Keras 3": KERAS_3.format("ResNet50V2"),
    "transformer of 109 M parameters, reusable": TRANSFORMER,
    "EfficientNetB3, reusable": REUSABLE.format("EfficientNetB3"),
    "text embedding with a table": TEXT,
}
PROCESS = """
import json, resource, sys, time
import tensorflow as tf
path, way, then = sys.argv[1:]
if way.startswith("rehub"):
    import rehub

    def load(path, load=rehub.load):
        return load(path, prepare="use" if way == "rehub, prepared" else "off")
elif way == "tensorflow_hub":
    import tensorflow_hub
    load = tensorflow_hub.load
elif way == "TensorFlow":
    load = tf.saved_model.load
else:
    from tensorflow.core.protobuf import saved_model_pb2

    def load(path):
        parsed = saved_model_pb2.SavedModel()
        with open(path + "/saved_model.pb", "rb") as file:
            parsed.ParseFromString(file.read())
        reader = tf.train.load_checkpoint(path + "/variables/variables")
        dtypes = reader.get_variable_to_dtype_map()
        return parsed, tf.raw_ops.RestoreV2(
            prefix=path + "/variables/variables", tensor_names=list(dtypes), shape_and_slices=[""] * len(dtypes),
            dtypes=list(dtypes.values())
        )
tf.Variable(1.0).assign_add(1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
model = load(path)
loaded = time.perf_counter() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
used = None
if way != "limit" and then != "nothing":
    signature = model.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    inputs = {}
    for name, spec in specs.items():
        sizes = [size or 2 for size in spec.shape]
        inputs[name] = tf.fill(sizes, "word1 word2") if spec.dtype == tf.string else tf.zeros(sizes, spec.dtype)
    if then == "call":
        signature(**inputs)
    else:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum([tf.reduce_sum(out) for out in signature(**inputs).values()])
        variables = signature.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            if gradient is not None:
                variable.assign_sub(0.01 * tf.convert_to_tensor(gradient))
    used = time.perf_counter() - start
print(json.dumps([loaded, used, (after - before) / 1024]))
"""
PREPARE = "import sys, rehub\nrehub.load(sys.argv[1], prepare='make')"
WAYS = ("TensorFlow", "tensorflow_hub", "rehub", "rehub, prepared", "limit")


def run(code: str, *arguments: str) -> str:
    """Run a Python program in its own process; return the last line of its output."""
    # Prepared forms are in a cache next to the models.
    cache = {"REHUB_CACHE_DIR": str(Path(arguments[0]).parent / "cache")}
    environment = {**os.environ, **cache, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return (done.stdout.strip().splitlines() or [""])[-1]


def make(name: str, code: str, directory: Path, *arguments: str) -> str | None:
    """Return the directory of a model; make it if it does not exist. Return None, and print why, if that fails."""
    path = directory / "".join(letter if letter.isalnum() else "_" for letter in name)
    if not (path / "saved_model.pb").is_file():
        try:
            run(code, str(path), *arguments)
        except RuntimeError as error:
            print(f"{name}: left out: {error}")
            shutil.rmtree(path, ignore_errors=True)
            return None
    return str(path)


def measure(path: str, rounds: int) -> dict[str, list[float | None]]:
    """Return for each way the median seconds to load, to load and call, to load and train, and the megabytes."""
    found: dict[str, dict[str, list[list[float]]]] = {way: {"call": [], "train": []} for way in WAYS}
    for _ in range(rounds):
        for way in list(found):
            for then, results in found[way].items():
                try:
                    results.append(json.loads(run(PROCESS, path, way, then)))
                except RuntimeError as error:
                    print(f"  {way}: left out: {error}")
                    del found[way]
                    break

    def median(values: list[float | None]) -> float | None:
        return None if None in values else statistics.median(value for value in values if value is not None)

    return {
        way: [
            median([result[0] for results in by_use.values() for result in results]),
            median([result[1] for result in by_use["call"]]),
            median([result[1] for result in by_use["train"]]),
            median([result[2] for results in by_use.values() for result in results]),
        ]
        for way, by_use in found.items()
    }


def compare(rounds: int, directory: Path, only: str) -> None:
    """Print a table of all models and ways, with the ratios of TensorFlow's figures to rehub's."""
    print("| model | way | load, s | load + first call, s | load + first training step, s | memory, MB |")
    print("|---|---|---|---|---|---|")
    for name, code in MODELS.items():
        path = make(name, code, directory) if only in name else None
        if path is None:
            continue
        run(PREPARE, path)
        results = measure(path, rounds)
        for way, (load, call, train, memory) in results.items():
            seconds = " | ".join("" if value is None else f"{value:.3f}" for value in (load, call, train))
            print(f"| {name} | {way} | {seconds} | {memory:.0f} |")
        for way in ("rehub", "rehub, prepared"):
            ratios = [
                "" if None in (theirs, ours) or not ours else f"{theirs / ours:.1f}x"
                for theirs, ours in zip(results["TensorFlow"], results[way])
            ]
            print(f"| {name} | TensorFlow / {way} | {' | '.join(ratios)} |", flush=True)


def main() -> None:
    """Make the models, load them, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, help="where the models are kept")
    parser.add_argument("--only", default="", help="the models with this word in their names")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.models or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        compare(options.rounds, directory, options.only)


if __name__ == "__main__":
    main()
