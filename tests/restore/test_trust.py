from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import harmful_models
import model_forms
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import InvalidSetting, UnsafeArchive, UnsafeModel
from rehub.restore.scanned_copy import make_scanned_copy
from rehub.savedmodel import Layout

v1 = tf.compat.v1


@pytest.fixture
def harmful(tmp_path):
    """A model that writes the file `harm` when TensorFlow loads it."""
    return harmful_models.save_that_writes(tmp_path / "model", tmp_path / "harm")


def test_a_refused_model_never_reaches_tensorflow(tmp_path, harmful):
    with pytest.raises(UnsafeModel, match="WriteFile writes files .*harm"):
        hub.load(harmful, trusted=False)
    assert not (tmp_path / "harm").exists()


def test_a_trusted_model_is_loaded_and_its_ops_run(tmp_path, harmful, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    with tf.Graph().as_default(), v1.Session() as session:
        hub.load(harmful, trusted=True)
        session.run(v1.get_collection(v1.GraphKeys.TABLE_INITIALIZERS))
    assert (tmp_path / "harm").exists()


def test_the_setting_refuses_in_hub_load_and_the_message_says_so(tmp_path, harmful, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    with pytest.raises(UnsafeModel, match="REHUB_TRUST=refuse"):
        hub.load(harmful)
    assert not (tmp_path / "harm").exists()


def test_the_setting_warns(tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "warn")
    with pytest.warns(RuntimeWarning, match="ReadFile reads files"):
        hub.load(harmful_models.save(tmp_path / "model", harmful_models.reads))


def test_a_text_model_is_refused_too(tmp_path):
    directory = saved_models.save_v1(tmp_path / "model", as_text=True)
    file = Path(directory) / "saved_model.pbtxt"
    hub.load(directory, trusted=False)
    file.write_text(file.read_text().replace('op: "Sub"', 'op: "WriteFile"'))
    with pytest.raises(UnsafeModel, match="WriteFile"):
        hub.load(directory, trusted=False)


def test_a_harmless_model_is_loaded_although_it_is_not_trusted(tmp_path):
    model = hub.load(saved_models.save_shift(tmp_path / "model"), trusted=False)
    assert model.v.shape == [1]


def test_legacy_modules_go_through_the_same_policy(harmful, monkeypatch):
    (Path(harmful) / "tfhub_module.pb").write_bytes(b"\x08\x03")
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    for load in (hub.load_module_spec, hub.create_module_spec_from_saved_model):
        with pytest.raises(UnsafeModel, match="WriteFile"):
            load(harmful)
    monkeypatch.setenv("REHUB_TRUST", "allow")
    hub.create_module_spec_from_saved_model(harmful)


@pytest.mark.skipif(saved_models.IS_TF1, reason="hub.convert needs TensorFlow 2")
def test_conversion_goes_through_the_same_policy(tmp_path, harmful, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    with pytest.raises(UnsafeModel, match="WriteFile"):
        hub.convert(harmful, tmp_path / "converted")


def test_an_unknown_policy_is_an_error(harmful, monkeypatch):
    with pytest.raises(InvalidSetting, match="trusted is 'yes'"):
        hub.load(harmful, trusted="yes")
    monkeypatch.setenv("REHUB_TRUST", "maybe")
    with pytest.raises(InvalidSetting, match="REHUB_TRUST is 'maybe'"):
        hub.load(harmful)


def test_layers_go_through_the_same_policy(harmful, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    with pytest.raises(UnsafeModel, match="WriteFile"):
        hub.KerasLayer(harmful)


def test_legacy_module_is_used_as_it_was_scanned(tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    module = shutil.copytree(str(saved_models.LEGACY / "text_embed"), str(tmp_path / "module"))
    with tf.Graph().as_default(), v1.Session() as session:
        applied = hub.Module(module)
        (Path(module) / "saved_model.pb").write_bytes(b"exchanged")
        output = applied(tf.constant(["a word"]))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        assert session.run(output).shape[0] == 1
        paths = session.run(v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
    assert paths
    assert all(path.decode().startswith(module) for path in paths)


@pytest.mark.parametrize("model_file", ["saved_model.pb", "saved_model.pbtxt"])
def test_scanned_model_is_loaded_from_a_directory_of_the_process(tmp_path, model_file):
    directory = saved_models.save_lookup(tmp_path / "model")
    if model_file != "saved_model.pb":
        content = (Path(directory) / "saved_model.pb").read_bytes()
        (Path(directory) / "saved_model.pb").unlink()
        (Path(directory) / model_file).write_bytes(model_forms.as_text(content))
    expected, found = (hub.load(directory, trusted=trusted) for trusted in (True, False))
    if tf.executing_eagerly():
        words = tf.constant(["b", "none"])
        assert found.find(words).numpy().tolist() == expected.find(words).numpy().tolist()
    (scanned,) = {path for path in Path(tempfile.gettempdir()).glob("rehub-scanned-*/*") if is_copy_of(path, directory)}
    assert sorted(path.name for path in scanned.iterdir() if not path.is_symlink()) == ["saved_model.pb"]
    assert scanned.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("directories", "names"), [(["../"], []), ([], [".."]), ([], ["../evil"])])
def test_object_whose_name_leads_out_of_the_model_is_refused(tmp_path, monkeypatch, directories, names):
    remote = "ram://bucket/model"
    monkeypatch.setattr(tf.io.gfile, "walk", lambda path: [(path, directories, names)])
    with pytest.raises(UnsafeArchive, match="is not in the directory"):
        make_scanned_copy(Layout(remote, "saved_model.pb", False), b"")


def test_model_file_of_another_spelling_is_not_written_through(tmp_path):
    file = Path(saved_models.save_shift(tmp_path / "model"), "SAVED_MODEL.PB")
    file.write_bytes(b"the model's file, where case is ignored")
    copied = make_scanned_copy(Layout(str(file.parent), "saved_model.pb", False), b"scanned")
    assert "SAVED_MODEL.PB" not in os.listdir(copied.path)


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has no file system ram://")
@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
def test_model_of_an_object_store_is_scanned_and_copied(tmp_path, monkeypatch, loader):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    local, remote = saved_models.save_lookup(tmp_path / "model"), f"ram://{tmp_path.name}/model"
    for path in (path for path in Path(local).rglob("*") if path.is_file()):
        target = f"{remote}/{path.relative_to(local).as_posix()}"
        tf.io.gfile.makedirs(target.rpartition("/")[0])
        tf.io.gfile.copy(str(path), target)
    words = tf.constant(["b", "none"])
    found = hub.load(remote, loader=loader, trusted=False).find(words)
    assert found.numpy().tolist() == hub.load(local).find(words).numpy().tolist()


def is_copy_of(path, directory):
    link = path / "variables"
    return link.is_symlink() and os.readlink(str(link)) == str(Path(directory) / "variables")
