"""Argument > environment > default."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from rehub import config
from rehub.errors import InvalidSetting


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for setting in config.SETTINGS:
        for name in setting.variables:
            monkeypatch.delenv(name, raising=False)


def test_the_cache_is_the_argument_then_rehubs_variable_then_tensorflow_hubs_then_the_users_cache(
    monkeypatch, tmp_path
):
    assert config.cache_dir() == Path(platformdirs.user_cache_dir("rehub", appauthor=False))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))  # P39
    assert config.cache_dir() == tmp_path / "tfhub"
    monkeypatch.setenv("REHUB_CACHE_DIR", str(tmp_path / "rehub"))
    assert config.cache_dir() == tmp_path / "rehub"
    assert config.cache_dir(tmp_path / "here") == tmp_path / "here"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_variable_is_not_set(monkeypatch, tmp_path):
    monkeypatch.setenv("REHUB_CACHE_DIR", "")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    assert config.cache_dir() == tmp_path


def test_a_cache_of_the_users_home_or_of_the_working_directory_is_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REHUB_CACHE_DIR", "models")
    assert config.cache_dir() == tmp_path / "models"
    monkeypatch.setenv("REHUB_CACHE_DIR", "~/models")
    assert config.cache_dir() == Path.home() / "models"


def test_a_remote_cache_is_refused_by_the_variables_name(monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "gs://bucket/cache")
    with pytest.raises(InvalidSetting, match="TFHUB_CACHE_DIR is 'gs://bucket/cache'"):
        config.cache_dir()


def test_the_timeout(monkeypatch):
    assert config.timeout() == 60
    monkeypatch.setenv("REHUB_TIMEOUT", "2.5")
    assert config.timeout() == 2.5
    assert config.timeout(7) == 7


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_an_impossible_timeout_is_refused(monkeypatch, value):
    monkeypatch.setenv("REHUB_TIMEOUT", value)
    with pytest.raises(InvalidSetting, match=f"REHUB_TIMEOUT is '{value}'"):
        config.timeout()


def test_any_value_asks_for_progress(monkeypatch):  # P44
    assert not config.download_progress()
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "0")
    assert config.download_progress()


@pytest.mark.parametrize("value", ["1", "True", "yes"])
def test_only_the_word_true_disables_certificates(monkeypatch, value):
    monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", value)
    assert config.verify_certificates()


def test_disabled_certificates_are_warned_about_each_time(monkeypatch):
    monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", "true")
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="TFHUB_DISABLE_CERT_VALIDATION=true"):
            assert not config.verify_certificates()


@pytest.mark.parametrize("value", ["COMPRESSED", "AUTO"])
def test_the_load_formats(monkeypatch, value):  # P38
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", value)
    assert config.model_load_format() == "COMPRESSED"


@pytest.mark.parametrize(
    ("value", "words"), [("UNCOMPRESSED", "cannot read"), ("zip", "COMPRESSED, UNCOMPRESSED or AUTO")]
)
def test_other_load_formats_are_refused(monkeypatch, value, words):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", value)
    with pytest.raises(InvalidSetting, match=f"TFHUB_MODEL_LOAD_FORMAT is '{value}'.*{words}"):
        config.model_load_format()


def test_the_keras(monkeypatch):
    assert config.keras_package() is None
    monkeypatch.setenv("REHUB_KERAS", "tf_keras")
    assert config.keras_package() == "tf_keras"
    assert config.keras_package("keras") == "keras"
    monkeypatch.setenv("REHUB_KERAS", "theano")
    with pytest.raises(InvalidSetting, match="REHUB_KERAS is 'theano'"):
        config.keras_package()


def test_every_setting_has_a_line_for_the_documentation():
    for setting in config.SETTINGS:
        assert setting.variables
        assert setting.meaning.endswith(".")
        assert setting.default
