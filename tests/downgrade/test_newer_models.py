"""Models that newer TensorFlows wrote, loaded by older ones: tests/data/newer_models has one for each rule."""

from __future__ import annotations

import zipfile

import pytest
import tensorflow as tf
from newer_models import FILES, assert_equal, constants, extract, name_file

import rehub as hub
from rehub import tf_internals

# Of TensorFlow 2, as the model argument_types has a class that only its writer knows.
pytestmark = pytest.mark.filterwarnings("ignore:The type 'rehub.tests.Pair.Spec' has not been registered:UserWarning")
MODELS = [
    pytest.param(file, name[:-4], id=f"{file.stem}-{name[:-4]}")
    for file in FILES
    for name in zipfile.ZipFile(str(file)).namelist()
    if name.endswith(".npz") and name not in ("trained.npz", "legacy_module.npz")
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


@pytest.mark.skipif(not FILES, reason="no newer TensorFlow wrote a model for this test")
def test_arguments_by_keyword_have_defaults(tmp_path):
    path, inputs, expected = extract(FILES[-1], "keyword_only", tmp_path)
    model, x = hub.load(path), tf.constant(inputs["x0"])
    found = {
        "scaled": model.scale(x, factor=tf.constant(3.0)).numpy(),
        "doubled": model.scale(x, factor=tf.constant(3.0), is_doubled=True).numpy(),
    }
    assert_equal(found, expected)
    assert_equal({key: value.numpy() for key, value in model.call(x).items()}, expected)
    assert_equal({"sum": model.add(x).numpy()}, {"sum": inputs["x0"] + 1})


@pytest.mark.skipif(tf_internals.tensorflow_version() >= (2, 0), reason="newer versions read files with an offset")
@pytest.mark.parametrize("content", [b"", b"the\n\ncat"])
def test_a_vocabulary_file_without_a_line_or_with_an_empty_one_is_refused(content, tmp_path):
    path, _, _ = extract(FILES[-1], "table_of_file", tmp_path)
    (tmp_path / "table_of_file" / "assets" / "words.txt").write_bytes(content)
    with pytest.raises(tf.errors.InvalidArgumentError, match="empty line"):
        hub.load(path)


@pytest.mark.parametrize("name", ["mutable_table", "dense_table"])
@pytest.mark.skipif(not FILES, reason="no newer TensorFlow wrote a model for this test")
def test_a_keras_layer_has_the_values_of_mutable_tables(name, tmp_path):
    path, inputs, expected = extract(FILES[-1], name, tmp_path)
    layer = hub.KerasLayer(path, signature="serving_default", output_key="output_0")
    assert_equal({"output_0": layer(*constants(inputs).values()).numpy()}, expected)


@pytest.mark.parametrize("file", FILES, ids=name_file)
def test_a_module_computes_the_same_in_an_older_tensorflow(file, tmp_path):
    path, inputs, expected = extract(file, "legacy_module", tmp_path)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        outputs = hub.Module(path)(tf.constant(inputs["x"]), as_dict=True)
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        assert_equal(session.run(outputs), expected)
