"""`rehub demo`: a first program, on every TensorFlow and Keras."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.keras

tf = pytest.importorskip("tensorflow", reason="the model is made by TensorFlow")


def demo(directory, *words):
    return subprocess.run(
        [sys.executable, "-m", "rehub", "demo", *words],
        cwd=str(directory),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_demo_saves_loads_and_trains_a_model_without_other_output(tmp_path):
    ran = demo(tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")  # TensorFlow's start-up messages would stand in stderr.
    assert "model(['a fine film']) is a tensor of shape (1, 16)" in ran.stdout
    assert "'a wonderful year': good" in ran.stdout
    assert "'a boring start': bad" in ran.stdout
    assert ran.stdout.splitlines()[-3:][0] == "  rehub show demo_model"
    assert (tmp_path / "demo_model" / "saved_model.pb").is_file()


def test_demo_reuses_its_model_and_overwrites_nothing_else(rehub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "demo_model: a new model" in rehub("demo").out
    written = (tmp_path / "demo_model" / "saved_model.pb").stat().st_mtime_ns
    assert "demo_model: a model exists already" in rehub("demo").out
    assert (tmp_path / "demo_model" / "saved_model.pb").stat().st_mtime_ns == written
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    ran = rehub("demo", "notes")
    assert (ran.code, "'notes' exists and is not a model" in ran.err) == (1, True)
