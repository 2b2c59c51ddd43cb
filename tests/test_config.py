"""Argument > environment > default."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from rehub import config
from rehub.cache_dirs import split_locations
from rehub.errors import InvalidSetting


@pytest.fixture(autouse=True)
def unset_variables(monkeypatch):
    for setting in config.SETTINGS:
        for name in setting.variables:
            monkeypatch.delenv(name, raising=False)


def test_cache_dir_is_the_argument_else_rehubs_variable_else_tensorflow_hubs_else_the_default(monkeypatch, tmp_path):
    assert config.cache_dir() == Path(platformdirs.user_cache_dir("rehub", appauthor=False))
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))
    assert config.cache_dir() == tmp_path / "tfhub"
    monkeypatch.setenv("REHUB_CACHE_DIR", str(tmp_path / "rehub"))
    assert config.cache_dir() == tmp_path / "rehub"
    assert config.cache_dir(tmp_path / "here") == tmp_path / "here"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_variable_is_not_set(monkeypatch, tmp_path):
    monkeypatch.setenv("REHUB_CACHE_DIR", "")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    assert config.cache_dir() == tmp_path


def test_cache_dir_is_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REHUB_CACHE_DIR", "models")
    assert config.cache_dir() == tmp_path / "models"
    monkeypatch.setenv("REHUB_CACHE_DIR", "~/models")
    assert config.cache_dir() == Path.home() / "models"


def test_rehubs_variable_may_name_several_directories(monkeypatch, tmp_path):
    monkeypatch.setenv("REHUB_CACHE_DIR", os.pathsep.join([str(tmp_path / "user"), "", "system"]))
    monkeypatch.chdir(tmp_path)
    assert config.cache_dirs() == (tmp_path / "user", tmp_path / "system")
    assert config.cache_dir() == tmp_path / "user"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert config.cache_dirs()[1] == tmp_path / "elsewhere" / "system"
    monkeypatch.setenv("REHUB_CACHE_DIR", os.pathsep.join(["gs://bucket/cache/", str(tmp_path), "s3://bucket"]))
    assert config.cache_dirs() == ("gs://bucket/cache", tmp_path, "s3://bucket")
    monkeypatch.setenv("REHUB_CACHE_DIR", os.pathsep)
    with pytest.raises(InvalidSetting, match="names no directory"):
        config.cache_dirs()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file names with a colon")
def test_tensorflow_hubs_variable_names_one_directory_even_with_a_colon(monkeypatch, tmp_path):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "a:b"))
    assert config.cache_dirs() == (tmp_path / "a:b",)


def test_lock_timeout(monkeypatch):
    assert config.LOCK_TIMEOUT.get() == 60
    monkeypatch.setenv("REHUB_LOCK_TIMEOUT", "1.5")
    assert config.LOCK_TIMEOUT.get() == 1.5
    monkeypatch.setenv("REHUB_LOCK_TIMEOUT", "-1")
    with pytest.raises(InvalidSetting, match="REHUB_LOCK_TIMEOUT is '-1'"):
        config.LOCK_TIMEOUT.get()


def test_cache_dir_may_be_in_an_object_store(monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "gs://bucket/a:b/")
    assert config.cache_dir() == "gs://bucket/a:b"
    assert config.cache_dir("s3://bucket/cache") == "s3://bucket/cache"


@pytest.mark.parametrize("url", ["gs://", "gs:///", "filecache::gs://bucket", "file://host/models", "file://"])
def test_url_without_a_bucket_or_path_is_refused_with_the_variables_name(monkeypatch, url):
    for variable in ("TFHUB_CACHE_DIR", "REHUB_CACHE_DIR"):
        monkeypatch.setenv(variable, url)
        with pytest.raises(InvalidSetting, match=f"{variable} is '{url}'"):
            config.cache_dirs()


def test_file_url_is_a_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("REHUB_CACHE_DIR", (tmp_path / "größe x").as_uri())
    assert config.cache_dir() == tmp_path / "größe x"


LOCATIONS = [
    "/opt/models",
    "models",
    "~/models",
    "gs://bucket",
    "gs://bucket/models",
    "s3://bucket/a b@c",
    "hdfs://namenode:8020/models",
    "sftp://ada:secret@host:22/models",
    "ftp://ada@host/models",
    "webdav+https://[::1]:8443/models",
    "abfs://container@account.dfs.core.windows.net/models",
    "file:///opt/models",
    "filecache::s3://bucket/models",
]


@pytest.mark.parametrize("separator", [":", ";"])
def test_urls_in_a_list_are_not_split(separator):
    for one in LOCATIONS:
        for other in LOCATIONS:
            assert split_locations(separator.join([one, other, one]), separator) == [one, other, one]
            assert split_locations(separator.join(["", one, "/x", "", other, ""]), separator) == [
                one,
                "/x",
                other,
            ]


def test_windows_drive_is_not_a_scheme_and_its_colon_does_not_separate():
    locations = [r"C:\models", "D:/models", "gs://bucket/models", r"\\host\models"]
    assert split_locations(";".join(locations), ";") == locations


def test_timeout(monkeypatch):
    assert config.TIMEOUT.get() == 60
    monkeypatch.setenv("REHUB_TIMEOUT", "2.5")
    assert config.TIMEOUT.get() == 2.5
    assert config.TIMEOUT.get(7) == 7


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_impossible_timeout_is_refused(monkeypatch, value):
    monkeypatch.setenv("REHUB_TIMEOUT", value)
    with pytest.raises(InvalidSetting, match=f"REHUB_TIMEOUT is '{value}'"):
        config.TIMEOUT.get()


def test_any_value_requests_progress(monkeypatch):
    assert not config.is_progress_requested()
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "0")
    assert config.is_progress_requested()


@pytest.mark.parametrize("value", ["1", "True", "yes"])
def test_only_the_word_true_disables_certificates(monkeypatch, value):
    monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", value)
    assert config.verify_certificates()


def test_disabled_certificate_validation_warns_each_time(monkeypatch):
    monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", "true")
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="TFHUB_DISABLE_CERT_VALIDATION=true"):
            assert not config.verify_certificates()


@pytest.mark.parametrize(("value", "remotely"), [("COMPRESSED", False), ("AUTO", False), ("UNCOMPRESSED", True)])
def test_only_the_load_format_uncompressed_reads_remotely(monkeypatch, value, remotely):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", value)
    assert config.reads_remotely() is remotely


def test_other_load_formats_are_refused(monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "zip")
    with pytest.raises(InvalidSetting, match="TFHUB_MODEL_LOAD_FORMAT is 'zip'.*COMPRESSED, UNCOMPRESSED or AUTO"):
        config.MODEL_LOAD_FORMAT.get()


def test_retries(monkeypatch):
    assert config.RETRIES.get() == 4
    monkeypatch.setenv("REHUB_RETRIES", "0")
    assert config.RETRIES.get() == 0
    assert config.RETRIES.get(7) == 7
    monkeypatch.setenv("REHUB_RETRIES", "-1")
    with pytest.raises(InvalidSetting, match="REHUB_RETRIES is '-1'"):
        config.RETRIES.get()


@pytest.mark.parametrize(
    ("value", "size"), [("5", 5), ("20GB", 20 * 10**9), ("1.5 kB", 1500), ("2mb", 2 * 10**6), ("", 10**12)]
)
def test_max_size(monkeypatch, value, size):
    monkeypatch.setenv("REHUB_MAX_SIZE", value)
    assert config.MAX_SIZE.get() == size


@pytest.mark.parametrize("value", ["much", "-1", "5 apples", "1e9", "GB"])
def test_impossible_max_size_is_refused(monkeypatch, value):
    monkeypatch.setenv("REHUB_MAX_SIZE", value)
    with pytest.raises(InvalidSetting, match=f"REHUB_MAX_SIZE is '{value}'"):
        config.MAX_SIZE.get()


def test_tfhub_endpoint(monkeypatch):
    assert config.TFHUB_ENDPOINT.get() == "https://tfhub.dev"
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", "http://mirror:8000/hub/")
    assert config.TFHUB_ENDPOINT.get() == "http://mirror:8000/hub"
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", "mirror")
    with pytest.raises(InvalidSetting, match="REHUB_TFHUB_ENDPOINT is 'mirror'"):
        config.TFHUB_ENDPOINT.get()


def test_refresh(monkeypatch):
    assert not config.REFRESH.get()
    monkeypatch.setenv("REHUB_REFRESH", "1")
    assert config.REFRESH.get()
    assert not config.REFRESH.get(False)


def test_keras_package(monkeypatch):
    assert config.keras_package() is None
    monkeypatch.setenv("REHUB_KERAS", "tf_keras")
    assert config.keras_package() == "tf_keras"
    monkeypatch.setenv("REHUB_KERAS", "theano")
    with pytest.raises(InvalidSetting, match="REHUB_KERAS is 'theano'"):
        config.keras_package()


def test_loader(monkeypatch):
    assert config.LOADER.get() == "auto"
    monkeypatch.setenv("REHUB_LOADER", "tensorflow")
    assert config.LOADER.get() == "tensorflow"
    assert config.LOADER.get("lazy") == "lazy"
    with pytest.raises(InvalidSetting, match="loader is 'fast'"):
        config.LOADER.get("fast")
    monkeypatch.setenv("REHUB_LOADER", "fast")
    with pytest.raises(InvalidSetting, match="REHUB_LOADER is 'fast'"):
        config.LOADER.get()


def test_every_setting_is_documented():
    for setting in config.SETTINGS:
        assert setting.variables
        assert setting.meaning.endswith(".")
        assert setting.default


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("True", True), ("on", True), ("0", False), ("no", False)])
def test_offline(monkeypatch, value, offline):
    assert not config.OFFLINE.get()
    monkeypatch.setenv("REHUB_OFFLINE", value)
    assert config.OFFLINE.get() is offline
    assert config.OFFLINE.get(not offline) is not offline


def test_offline_must_be_yes_or_no(monkeypatch):
    monkeypatch.setenv("REHUB_OFFLINE", "perhaps")
    with pytest.raises(InvalidSetting, match="REHUB_OFFLINE is 'perhaps'"):
        config.OFFLINE.get()


def test_aliases_file_may_be_in_the_home_directory(monkeypatch):
    assert config.aliases_file() is None
    monkeypatch.setenv("REHUB_ALIASES", "~/aliases.toml")
    assert config.aliases_file() == Path.home() / "aliases.toml"
