"""`rehub prepare`."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.restore.prepared.digest import weights_digest

pytestmark = [
    pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says whether a file system is local"),
]


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", str(tmp_path / "cache"))
    model = tf.Module()
    model.v = tf.Variable([1.0, 2.0])
    model.f = tf.function(lambda x: x * model.v, [tf.TensorSpec([2], tf.float32)])
    tf.saved_model.save(model, str(tmp_path / "model"))
    return tmp_path / "model"


def test_prepare_prints_the_directory_of_the_prepared_form(rehub, model):
    ran = rehub("prepare", model)
    assert (ran.code, ran.err) == (0, "")
    directory = Path(ran.out.strip())
    assert sorted(file.name for file in directory.iterdir()) == ["index.json", "weights"]
    assert hub.load_report(hub.load(str(model))).prepared == str(directory)
    assert rehub("prepare", model).out == ran.out


def test_prepare_says_why_a_model_cannot_be_prepared_and_goes_on(rehub, model, tmp_path):
    ran = rehub("prepare", tmp_path / "none", saved_models.save_v1(tmp_path / "v1"), model)
    assert ran.code == 1
    assert "none" in ran.err
    assert "cannot have a prepared form: it is a graph of TF1. It is loaded without one." in ran.err
    assert Path(ran.out.strip(), "weights").is_file()


def test_verify_covers_prepared_forms_and_rm_removes_them(rehub, model):
    form = Path(rehub("prepare", model).out.strip())
    assert f"complete  prepared form {form}" in rehub("cache", "verify").out
    (form / "weights").write_bytes(bytes((form / "weights").stat().st_size))
    ran = rehub("cache", "verify")
    assert (ran.code, "its weights are not those that were written" in ran.out) == (1, True)
    assert rehub("cache", "rm", model).out == f"deleted the prepared form {form}\n"
    assert not form.exists()
    assert rehub("cache", "rm", model).code == 1


def test_the_form_of_a_cached_model_is_verified_and_removed_with_it(rehub, model):
    archive = shutil.make_archive(str(model), "gztar", str(model))
    form = Path(rehub("prepare", archive).out.strip())
    assert rehub("cache", "verify").code == 0
    weights = bytearray((form / "weights").read_bytes())
    weights[0] ^= 1
    (form / "weights").write_bytes(bytes(weights))
    index = json.loads((form / "index.json").read_bytes().partition(b"\n")[2])
    index["digest"] = weights_digest(bytes(weights))
    content = json.dumps(index).encode()
    (form / "index.json").write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    ran = rehub("cache", "verify")
    assert (ran.code, f"the prepared form {form}: its value of 'v/.ATTRIBUTES" in ran.out) == (1, True)
    ran = rehub("cache", "rm", archive)
    assert (ran.code, ran.out.endswith(f"deleted the prepared form {form}\n")) == (0, True)
    assert not form.exists()
