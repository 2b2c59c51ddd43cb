"""Models of newer TensorFlows, stored in tests/data/newer_models with what they compute there."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import saved_models
import tensorflow as tf

from rehub import tf_internals

assert saved_models  # It enables eager mode in TensorFlow 1.15.
DATA = Path(__file__).parent / "data" / "newer_models"
FILES = [
    file
    for file in sorted(DATA.glob("*.zip"))
    if tf_internals.parse_version(file.stem) > tf_internals.tensorflow_version()
]


def name_file(file):
    """The id of a test with a file; there are none in the newest TensorFlow."""
    return getattr(file, "stem", "none")


def extract(file, name, directory):
    """Extracts a model; returns its path, inputs and outputs."""
    with zipfile.ZipFile(str(file)) as archive:
        archive.extractall(str(directory), [each for each in archive.namelist() if each.startswith(f"{name}/")])
        with np.load(io.BytesIO(archive.read(f"{name}.npz"))) as recorded:
            arrays = {key: restore_texts(recorded[key]) for key in recorded.files}
    inputs = {key.replace("inputs/", ""): value for key, value in arrays.items() if not key.startswith("outputs/")}
    return (
        str(directory / name),
        inputs,
        {key[8:]: value for key, value in arrays.items() if key.startswith("outputs/")},
    )


def restore_texts(array):
    if array.dtype.kind != "S":
        return array
    return np.array([text[:-1] for text in array.ravel()], dtype=object).reshape(array.shape)


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for key, value in expected.items():
        if value.dtype == object:
            assert np.asarray(found[key], dtype=object).tolist() == value.tolist(), key
        else:
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-5, err_msg=key)


def constants(inputs):
    return {key: tf.constant(value.tolist() if value.dtype == object else value) for key, value in inputs.items()}
