"""`rehub env`."""

from __future__ import annotations

import json
import platform

import rehub as library


def test_env_prints_versions_settings_caches_and_logins_without_secrets(
    rehub, hosted, cache_dir, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle" / "kaggle.json").write_text('{"key": "hunter2"}')
    monkeypatch.setenv("HF_TOKEN", "hunter2")
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:hunter2@proxy:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    library.resolve(hosted)
    text, record = rehub("env").out, json.loads(rehub("env", "--json").out)
    assert "hunter2" not in text + json.dumps(record)
    assert record["rehub"] == library.__version__
    assert record["python"].startswith(platform.python_version())
    assert "requests" in record["packages"]
    assert record["settings"]["HTTPS_PROXY"] == "http://***@proxy:3128"
    assert record["settings"]["TFHUB_CACHE_DIR"] == str(cache_dir)
    assert record["logins"]["Hugging Face"] == "found in HF_TOKEN"
    assert record["logins"]["Kaggle"] == "found in ~/.kaggle/kaggle.json"
    assert record["logins"]["other servers"] == "none"
    (cache,) = record["caches"]
    assert cache["place"] == str(cache_dir)
    assert cache["state"].startswith("1 model, ")
    assert f"{cache_dir}: 1 model, " in text


def test_env_prints_the_rest_after_an_invalid_setting(rehub, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", "gs://")
    ran = rehub("env")
    assert ran.code == 0
    assert "REHUB_CACHE_DIR: gs://" in ran.out
    assert "names no bucket" in ran.err
