"""Models that newer TensorFlows wrote, loaded by older ones: tests/data/newer_models has one for each rule."""

from __future__ import annotations

import zipfile

import pytest
import tensorflow as tf
from newer_models import FILES, assert_equal, constants, extract, name_file

import rehub as hub
from rehub.errors import MissingOp

IS_TF1 = tf.__version__.startswith("1.")
MODELS = [
    pytest.param(file, name[:-4], id=f"{file.stem}-{name[:-4]}")
    for file in FILES
    for name in zipfile.ZipFile(str(file)).namelist()
    if name.endswith(".npz") and name != "trained.npz" and not (IS_TF1 and name == "mutable_table.npz")
]


@pytest.mark.parametrize(("file", "name"), MODELS)
def test_an_older_tensorflow_computes_the_same(file, name, tmp_path):
    path, inputs, expected = extract(file, name, tmp_path)
    model = hub.load(path)
    outputs = model.signatures["serving_default"](**constants(inputs))
    assert_equal({key: value.numpy() for key, value in outputs.items()}, expected)


@pytest.mark.parametrize("file", FILES, ids=name_file)
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


@pytest.mark.skipif(not IS_TF1, reason="TensorFlow 2 restores the values of tables from the checkpoint")
def test_values_of_mutable_tables_are_refused_where_they_would_be_lost(tmp_path):
    path, _, _ = extract(FILES[0], "mutable_table", tmp_path)
    with pytest.raises(MissingOp, match=r"mutable table .* 1\.15 does not restore"):
        hub.load(path)
