"""`rehub prepare`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import saved_models
import tensorflow as tf

import rehub as hub

pytestmark = [
    pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="whether a file system is local is told by /proc"),
]


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", str(tmp_path / "cache"))
    model = tf.Module()
    model.v = tf.Variable([1.0, 2.0])
    model.f = tf.function(lambda x: x * model.v, [tf.TensorSpec([2], tf.float32)])
    tf.saved_model.save(model, str(tmp_path / "model"))
    return tmp_path / "model"


def test_it_prints_where_the_prepared_form_is(rehub, model):
    ran = rehub("prepare", model)
    assert (ran.code, ran.err) == (0, "")
    directory = Path(ran.out.strip())
    assert sorted(file.name for file in directory.iterdir()) == ["index.json", "weights"]
    assert hub.load_report(hub.load(str(model))).prepared == str(directory)
    assert rehub("prepare", model).out == ran.out


def test_one_that_cannot_be_prepared_says_why_and_keeps_no_other_from_it(rehub, model, tmp_path):
    ran = rehub("prepare", tmp_path / "none", saved_models.save_v1(tmp_path / "v1"), model)
    assert ran.code == 1
    assert "none" in ran.err
    assert "has no prepared form: it is a graph of TF1. It is loaded without." in ran.err
    assert Path(ran.out.strip(), "weights").is_file()
