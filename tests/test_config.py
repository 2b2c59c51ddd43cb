"""Argument > environment > default."""

from __future__ import annotations

import os
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


def test_rehubs_variable_may_name_several_caches(monkeypatch, tmp_path):
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


@pytest.mark.skipif(os.name == "nt", reason="no name of a file has a colon there")
def test_tensorflow_hubs_variable_names_one_cache_whatever_is_in_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "a:b"))
    assert config.cache_dirs() == (tmp_path / "a:b",)


def test_how_long_to_wait_for_a_lock(monkeypatch):
    assert config.lock_timeout() == 60
    monkeypatch.setenv("REHUB_LOCK_TIMEOUT", "1.5")
    assert config.lock_timeout() == 1.5
    monkeypatch.setenv("REHUB_LOCK_TIMEOUT", "-1")
    with pytest.raises(InvalidSetting, match="REHUB_LOCK_TIMEOUT is '-1'"):
        config.lock_timeout()


def test_the_cache_may_be_in_an_object_store(monkeypatch):  # P40
    monkeypatch.setenv("TFHUB_CACHE_DIR", "gs://bucket/a:b/")
    assert config.cache_dir() == "gs://bucket/a:b"
    assert config.cache_dir("s3://bucket/cache") == "s3://bucket/cache"


@pytest.mark.parametrize("url", ["gs://", "gs:///", "filecache::gs://bucket", "file://host/models", "file://"])
def test_a_url_that_names_no_place_is_refused_by_the_variables_name(monkeypatch, url):
    for variable in ("TFHUB_CACHE_DIR", "REHUB_CACHE_DIR"):
        monkeypatch.setenv(variable, url)
        with pytest.raises(InvalidSetting, match=f"{variable} is '{url}'"):
            config.cache_dirs()


def test_a_file_url_is_the_directory_that_it_names(monkeypatch, tmp_path):
    monkeypatch.setenv("REHUB_CACHE_DIR", (tmp_path / "größe x").as_uri())
    assert config.cache_dir() == tmp_path / "größe x"


PLACES = [
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
def test_in_a_list_of_places_no_url_is_taken_apart(separator):
    for one in PLACES:
        for other in PLACES:
            assert config.split_places(separator.join([one, other, one]), separator) == [one, other, one]
            assert config.split_places(separator.join(["", one, "/x", "", other, ""]), separator) == [one, "/x", other]


def test_on_windows_a_drive_is_no_scheme_and_its_colon_separates_nothing():
    places = [r"C:\models", "D:/models", "gs://bucket/models", r"\\host\models"]
    assert config.split_places(";".join(places), ";") == places


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


@pytest.mark.parametrize(
    ("value", "meaning"), [("COMPRESSED", "COMPRESSED"), ("AUTO", "COMPRESSED"), ("UNCOMPRESSED", "UNCOMPRESSED")]
)
def test_the_load_formats(monkeypatch, value, meaning):  # P38
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", value)
    assert config.model_load_format() == meaning


def test_other_load_formats_are_refused(monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "zip")
    with pytest.raises(InvalidSetting, match="TFHUB_MODEL_LOAD_FORMAT is 'zip'.*COMPRESSED, UNCOMPRESSED or AUTO"):
        config.model_load_format()


def test_the_retries(monkeypatch):
    assert config.retries() == 4
    monkeypatch.setenv("REHUB_RETRIES", "0")
    assert config.retries() == 0
    assert config.retries(7) == 7
    monkeypatch.setenv("REHUB_RETRIES", "-1")
    with pytest.raises(InvalidSetting, match="REHUB_RETRIES is '-1'"):
        config.retries()


@pytest.mark.parametrize(
    ("value", "size"), [("5", 5), ("20GB", 20 * 10**9), ("1.5 kB", 1500), ("2mb", 2 * 10**6), ("", 10**12)]
)
def test_the_largest_size(monkeypatch, value, size):
    monkeypatch.setenv("REHUB_MAX_SIZE", value)
    assert config.max_size() == size


@pytest.mark.parametrize("value", ["much", "-1", "5 apples", "1e9", "GB"])
def test_an_impossible_size_is_refused(monkeypatch, value):
    monkeypatch.setenv("REHUB_MAX_SIZE", value)
    with pytest.raises(InvalidSetting, match=f"REHUB_MAX_SIZE is '{value}'"):
        config.max_size()


def test_the_mirror_of_tfhub_dev(monkeypatch):
    assert config.tfhub_endpoint() == "https://tfhub.dev"
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", "http://mirror:8000/hub/")
    assert config.tfhub_endpoint() == "http://mirror:8000/hub"
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", "mirror")
    with pytest.raises(InvalidSetting, match="REHUB_TFHUB_ENDPOINT is 'mirror'"):
        config.tfhub_endpoint()


def test_refreshing(monkeypatch):
    assert not config.refresh()
    monkeypatch.setenv("REHUB_REFRESH", "1")
    assert config.refresh()
    assert not config.refresh(False)


def test_the_keras(monkeypatch):
    assert config.keras_package() is None
    monkeypatch.setenv("REHUB_KERAS", "tf_keras")
    assert config.keras_package() == "tf_keras"
    assert config.keras_package("keras") == "keras"
    monkeypatch.setenv("REHUB_KERAS", "theano")
    with pytest.raises(InvalidSetting, match="REHUB_KERAS is 'theano'"):
        config.keras_package()


def test_the_loader(monkeypatch):
    assert config.loader() == "auto"
    monkeypatch.setenv("REHUB_LOADER", "tensorflow")
    assert config.loader() == "tensorflow"
    assert config.loader("lazy") == "lazy"
    with pytest.raises(InvalidSetting, match="loader is 'fast'"):
        config.loader("fast")
    monkeypatch.setenv("REHUB_LOADER", "fast")
    with pytest.raises(InvalidSetting, match="REHUB_LOADER is 'fast'"):
        config.loader()


def test_every_setting_has_a_line_for_the_documentation():
    for setting in config.SETTINGS:
        assert setting.variables
        assert setting.meaning.endswith(".")
        assert setting.default


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("True", True), ("on", True), ("0", False), ("no", False)])
def test_offline(monkeypatch, value, offline):
    assert not config.offline()
    monkeypatch.setenv("REHUB_OFFLINE", value)
    assert config.offline() is offline
    assert config.offline(not offline) is not offline


def test_an_unclear_offline_is_refused(monkeypatch):
    monkeypatch.setenv("REHUB_OFFLINE", "perhaps")
    with pytest.raises(InvalidSetting, match="REHUB_OFFLINE is 'perhaps'"):
        config.offline()


def test_the_file_of_aliases(monkeypatch, tmp_path):
    assert config.aliases_file() is None
    monkeypatch.setenv("REHUB_ALIASES", "~/aliases.toml")
    assert config.aliases_file() == Path.home() / "aliases.toml"
    assert config.aliases_file(tmp_path) == tmp_path
