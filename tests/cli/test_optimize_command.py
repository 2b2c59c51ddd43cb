"""`rehub optimize`: what it prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import saved_models
import tensorflow as tf

pytestmark = [
    pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 cannot optimize"),
    pytest.mark.usefixtures("few_measurements"),
]


@pytest.fixture
def path(tmp_path):
    model = tf.Module()
    model.v = tf.Variable(tf.ones([3, 3]))
    model.f = tf.function(lambda x: x @ model.v, [tf.TensorSpec([None, 3], tf.float32, name="x")])
    tf.saved_model.save(model, str(tmp_path / "model"), {"serving_default": model.f})
    return tmp_path / "model"


def test_optimize_prints_measurements_and_choices(rehub, path):
    ran = rehub("optimize", path)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["FUNCTION", "FORM", "MS", "DIFFERENCE"]
    assert lines[1].startswith("signatures['serving_default']  plain")
    assert lines[2].split()[0] == "frozen"
    assert any(line.startswith("f(float32[?, 3])") for line in lines)
    assert lines[-1].startswith("* marks the chosen form")
    assert ran.out.count(" *") == 2
    assert not list(path.parent.glob("*.tmp"))


def test_json_has_the_report_for_given_sizes(rehub, path):
    ran = rehub("optimize", path, "--json", "--input", "x=5,3")
    report = json.loads(ran.out)
    assert {each["inputs"] for each in report} == {"x=float32[5, 3]", "float32[5, 3]"}
    for each in report:
        assert each["chosen"] in [form["name"] for form in each["forms"] if not form["refused"]]
        assert each["speedup"] >= 1


def test_the_written_model_is_loaded_by_plain_tensorflow(rehub, path, tmp_path):
    target = tmp_path / "out"
    ran = rehub("optimize", path, target)
    assert ran.out.splitlines()[-1] == f"{target}: a TF2 SavedModel for inference"
    loaded = tf.saved_model.load(str(target))
    x = tf.constant([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(loaded.f(x).numpy(), [[6.0] * 3], rtol=2e-2)
    np.testing.assert_allclose(loaded.signatures["serving_default"](x=x)["output_0"].numpy(), [[6.0] * 3], rtol=2e-2)


def test_an_existing_directory_is_replaced_only_with_overwrite(rehub, path, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "note.txt").write_text("mine")
    ran = rehub("optimize", path, tmp_path / "out")
    assert ran.code == 1
    assert "note.txt is there already" in ran.err
    assert rehub("optimize", path, tmp_path / "out", "--overwrite").code == 0
    assert not (tmp_path / "out" / "note.txt").exists()


@pytest.mark.parametrize("text", ["x", "x=1,b"])
def test_invalid_sizes_are_refused(rehub, path, text):
    ran = rehub("optimize", path, "--input", text)
    assert ran.code == 1
    assert "such as images=1,224,224,3" in ran.err
