"""The programs of TensorFlow Hub's two official notebooks run unchanged, on Keras 2 of the newest TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from saved_models import tf

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(importlib.util.find_spec("tf_keras") is None, reason="tf_keras is not installed here"),
    pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed here"),
]

PROGRAMS = Path(__file__).parent / "notebooks"


def run_program(name, *arguments, cwd):
    command = [sys.executable, "-m", "rehub.as_tensorflow_hub", str(PROGRAMS / name), *map(str, arguments)]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    done = subprocess.run(
        command, cwd=str(cwd), env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^(\w+) (.+)$", done.stdout, re.MULTILINE))


def save_reusable(directory, call, variables, *inputs):
    function = tf.function(call)
    for training in (True, False):
        function.get_concrete_function(*inputs, training=training)
    model = tf.train.Checkpoint(parts=variables)
    model.__call__ = function
    model.variables = variables
    model.trainable_variables = [variable for variable in variables if variable.trainable]
    model.regularization_losses = []
    tf.saved_model.save(model, str(directory))
    return directory


def test_text_classification(tmp_path):
    vectors = tf.Variable(tf.random.stateless_normal([1000, 50], seed=[1, 2]))

    def embed(sentences, training=False):
        words = tf.strings.split(sentences)
        found = tf.ragged.map_flat_values(lambda text: tf.strings.to_hash_bucket_fast(text, 1000), words)
        return tf.reduce_mean(tf.gather(vectors, found), axis=1)

    model = save_reusable(tmp_path / "nnlm-en-dim50", embed, [vectors], tf.TensorSpec([None], tf.string))
    printed = run_program("text_classification.py", model, cwd=tmp_path)
    assert printed["keys"] == "['accuracy', 'loss', 'val_accuracy', 'val_loss']"
    assert float(printed["accuracy"]) == 1.0


def save_pictures(tmp_path):
    """An archive with a folder for each class, like flower_photos.tgz: red and blue pictures."""
    for name, color in (("roses", [220, 30, 30]), ("violets", [30, 30, 220])):
        folder = tmp_path / "flower_photos" / name
        folder.mkdir(parents=True)
        for i in range(40):
            noise = tf.random.stateless_uniform([32, 32, 3], seed=[i, 1], maxval=30, dtype=tf.int32)
            picture = tf.cast(tf.constant(color) + noise, tf.uint8)
            (folder / f"{i}.jpg").write_bytes(tf.io.encode_jpeg(picture).numpy())
    archive = tmp_path / "flower_photos.tgz"
    with tarfile.open(str(archive), "w:gz") as tar:
        tar.add(str(tmp_path / "flower_photos"), arcname="flower_photos")
    return archive


def test_image_retraining(tmp_path):
    kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 16], seed=[1, 2]) / 5)
    mean = tf.Variable(tf.zeros([16]), trainable=False)

    def features(images, training=False):
        found = tf.nn.conv2d(images, kernel, 2, "SAME")
        if training:
            mean.assign(0.9 * mean + 0.1 * tf.reduce_mean(found, axis=[0, 1, 2]))
        return tf.reduce_mean(tf.nn.relu(found - mean), axis=[1, 2])

    images = tf.TensorSpec([None, 32, 32, 3], tf.float32)
    model = save_reusable(tmp_path / "mobilenet_v2", features, [kernel, mean], images)
    printed = run_program("image_retraining.py", model, save_pictures(tmp_path), cwd=tmp_path)
    assert printed["classes"] == "('roses', 'violets')"  # Keras 3 finds one class: get_file returns the parent folder.
    assert float(printed["accuracy"]) > 0.9
    assert float(printed["difference"]) < 1e-4
