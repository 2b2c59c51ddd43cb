"""Models that newer TensorFlows wrote, loaded by older ones: tests/data/newer_models has one for each rule."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub import tf_internals

DATA = Path(__file__).parent.parent / "data" / "newer_models"
FILES = [
    file
    for file in sorted(DATA.glob("*.zip"))
    if tf_internals.parse_version(file.stem) > tf_internals.tensorflow_version()
]
MODELS = [
    pytest.param(file, name[:-4], id=f"{file.stem}-{name[:-4]}")
    for file in FILES
    for name in zipfile.ZipFile(str(file)).namelist()
    if name.endswith(".npz") and name != "trained.npz"
]


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


@pytest.mark.parametrize(("file", "name"), MODELS)
def test_an_older_tensorflow_computes_the_same(file, name, tmp_path):
    path, inputs, expected = extract(file, name, tmp_path)
    model = hub.load(path)
    outputs = model.signatures["serving_default"](**constants(inputs))
    assert_equal({key: value.numpy() for key, value in outputs.items()}, expected)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_graph_and_session_of_an_older_tensorflow_compute_the_same(file, tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        fetches, expected = {}, {}
        for name in (each.values[1] for each in MODELS if each.values[0] == file):
            path, inputs, expected[name] = extract(file, name, tmp_path)
            fetches[name] = hub.load(path).signatures["serving_default"](**constants(inputs))
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        found = session.run(fetches)
    for name, outputs in expected.items():
        assert_equal(found[name], outputs)


@pytest.mark.skipif(not FILES, reason="no newer TensorFlow wrote a model for this test")
def test_the_report_lists_what_was_rewritten(tmp_path):
    path, _, _ = extract(FILES[-1], "variable_read", tmp_path)
    report = hub.load_report(hub.load(path))
    assert report.left_out == ()
    assert any("attribute" in change or "op" in change for change in report.rewritten) or FILES[-1].stem == "2.21"
