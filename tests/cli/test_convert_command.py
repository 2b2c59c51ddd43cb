"""`rehub convert`: what it writes, prints and refuses."""

from __future__ import annotations

import json

import pytest

tf = pytest.importorskip("tensorflow", reason="converting needs TensorFlow")
if tf.__version__.startswith("1."):
    pytest.skip("converting needs TensorFlow 2", allow_module_level=True)

from saved_models import LEGACY  # noqa: E402  It imports TensorFlow.

from rehub.cli.program import main  # noqa: E402

TEXT_EMBED = str(LEGACY / "text_embed")


def test_the_report_is_printed(tmp_path, capsys):
    assert main(["convert", TEXT_EMBED, str(tmp_path / "new")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'new'}: a TF2 SavedModel, from the legacy module {TEXT_EMBED}"
    assert "assets: tokens.txt" in lines
    assert any(line.startswith("default    training") and "gradients" in line for line in lines)
    assert tf.saved_model.load(str(tmp_path / "new"))(tf.constant(["the cat"])).shape == (1, 8)


def test_the_report_is_printed_as_json(tmp_path, capsys):
    assert main(["convert", TEXT_EMBED, str(tmp_path / "new"), "--json", "--signature", "tokens", "--tags", ""]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["signatures"] == ["tokens", "default"]
    assert report["assets"] == ["tokens.txt"]


def test_an_existing_directory_is_kept(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("mine")
    assert main(["convert", TEXT_EMBED, str(tmp_path)]) == 1
    assert "note.txt is there already" in capsys.readouterr().err
