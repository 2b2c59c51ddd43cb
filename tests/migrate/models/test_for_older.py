"""`rehub convert --for-tensorflow` writes models that plain TensorFlow of that version loads."""

from __future__ import annotations

import pytest
import tensorflow as tf
from newer_models import FILES, assert_equal, constants, extract

from rehub import tf_internals
from rehub.cli.program import main
from rehub.errors import InvalidSetting
from rehub.migrate.models import convert_for_tensorflow

VERSION = ".".join(map(str, tf_internals.tensorflow_version()))
needs_models = pytest.mark.skipif(not FILES, reason="the models for this test are of no newer TensorFlow")


@needs_models
@pytest.mark.parametrize("name", ["variable_read", "stateless_case", "table", "parse_example", "mutable_table"])
def test_plain_tensorflow_loads_what_is_written(name, tmp_path):
    path, inputs, expected = extract(FILES[0], name, tmp_path)
    report = convert_for_tensorflow(path, tmp_path / "written", VERSION)
    assert (report.for_tensorflow, report.left_out) == (VERSION, ())
    model = tf.compat.v1.saved_model.load_v2(str(tmp_path / "written"))
    outputs = model.signatures["serving_default"](**constants(inputs))
    assert_equal({key: value.numpy() for key, value in outputs.items()}, expected)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "written"))
        signature = signature.signature_def["serving_default"]
        feeds = {signature.inputs[key].name: value for key, value in inputs.items()}
        found = session.run({key: info.name for key, info in signature.outputs.items()}, feeds)
    assert_equal(found, expected)


@needs_models
def test_the_command_says_what_it_rewrote(tmp_path, capsys):
    path, _, _ = extract(FILES[0], "dense_bincount", tmp_path)
    assert main(["convert", path, str(tmp_path / "written"), "--for-tensorflow", "1.15"]) == 0
    assert "rewritten: DenseBincount: segment sums (6)" in capsys.readouterr().out


def test_a_version_before_1_15_is_refused(tmp_path):
    with pytest.raises(InvalidSetting, match=r"1\.15"):
        convert_for_tensorflow(tmp_path, tmp_path / "written", "1.13")
