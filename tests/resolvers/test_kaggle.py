"""Models on Kaggle, with the real kagglehub and a local server."""

from __future__ import annotations

import hashlib
import importlib.util
import pathlib
import sys

import pytest
from hosting import MODEL, archive_of
from kaggle_server import PORT, KaggleServer

from rehub.errors import DownloadError, NotInCache
from rehub.resolvers import resolve
from rehub.resolvers.pinning import pin_handle

NAME = "google/nnlm/tensorFlow2/en-dim128"
PAGE = f"https://www.kaggle.com/models/{NAME}"

needs_kagglehub = pytest.mark.skipif(
    importlib.util.find_spec("kagglehub") is None, reason="kagglehub is not installed here"
)


def contents(directory):
    root = pathlib.Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def entry_of(page):
    name = hashlib.sha1(page.encode()).hexdigest()
    return [name, name + ".descriptor.txt", name + ".manifest.json"]


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture(autouse=True)
def kagglehub_at_home(tmp_path, monkeypatch):
    """Direct kagglehub to the local server, with its own home for logs, models and logins."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / ".kaggle"))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", f"http://127.0.0.1:{PORT}")
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE", "TBE_RUNTIME_ADDR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kaggle():
    versions = {1: {**MODEL, "saved_model.pb": b"the first"}, 2: MODEL}
    with KaggleServer(NAME, versions) as server:
        yield server


@needs_kagglehub
def test_all_spellings_of_a_version_are_one_entry(kaggle, cache_dir):
    directory = resolve(f"kaggle://{NAME}/2")
    assert contents(directory) == MODEL
    downloads = kaggle.downloads
    assert resolve(PAGE.replace("tensorFlow2", "TensorFlow2") + "/2?tfhub-redirect=true") == directory
    long = "kaggle://google/nnlm/frameworks/tensorFlow2/variations/en-dim128/versions/2"
    assert resolve(long) == directory
    assert kaggle.downloads == downloads == len(MODEL)
    assert names_in(cache_dir) == entry_of(PAGE + "/2")


@needs_kagglehub
def test_handle_without_a_version_is_the_latest_and_the_manifest_names_it(kaggle, cache_dir):
    assert contents(resolve(f"kaggle://{NAME}")) == MODEL
    assert contents(resolve(f"kaggle://{NAME}/1"))["saved_model.pb"] == b"the first"
    assert f'"url": "{PAGE}/2"' in (cache_dir / entry_of(PAGE)[2]).read_text()
    assert f'"url": "{PAGE}/1"' in (cache_dir / entry_of(PAGE + "/1")[2]).read_text()


@needs_kagglehub
def test_pinned_handle_has_the_latest_version(kaggle, monkeypatch):
    assert pin_handle(PAGE) == f"kaggle://{NAME}/2"
    assert pin_handle(f"kaggle://{NAME}/1") == f"kaggle://{NAME}/1"
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert contents(resolve(f"kaggle://{NAME}/2")) == MODEL


@needs_kagglehub
def test_model_of_many_files_is_downloaded_as_an_archive():
    model = {**MODEL, **{f"assets/{number}.txt": b"%d" % number for number in range(30)}}
    with KaggleServer(NAME, {1: model}, archive_of(model)) as kaggle:
        assert contents(resolve(f"kaggle://{NAME}/1")) == model
        assert kaggle.downloads == 1


@needs_kagglehub
def test_incomplete_cache_of_kagglehub_is_fetched_again(kaggle, tmp_path):
    half = tmp_path / "kagglehub" / "models" / NAME / "2"
    half.mkdir(parents=True)
    (half / "saved_model.pb").write_bytes(b"a graph")
    (half.parent / "2.complete").touch()
    assert contents(resolve(f"kaggle://{NAME}/2")) == MODEL


@needs_kagglehub
@pytest.mark.parametrize(
    ("login", "words"),
    [
        ({}, "none was found; set KAGGLE_API_TOKEN"),
        ({"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "0123456789"}, "login: KAGGLE_USERNAME and KAGGLE_KEY"),
    ],
)
def test_refused_access_names_the_login_and_the_page(kaggle, cache_dir, monkeypatch, login, words):
    for name, value in login.items():
        monkeypatch.setenv(name, value)
    kaggle.needs_consent = True
    with pytest.raises(DownloadError) as error:
        resolve(f"kaggle://{NAME}/2")
    message = str(error.value)
    assert f"kaggle://{NAME}/2" in message
    assert words in message
    assert f"{PAGE}/2" in message
    assert "You don't have permission" in message  # kagglehub's own words
    assert "0123456789" not in message
    assert bool(login) == (kaggle.logins[0] is not None)
    assert names_in(cache_dir) == []


@needs_kagglehub
def test_missing_model_is_an_error(kaggle, cache_dir):
    with pytest.raises(DownloadError, match="404"):
        resolve("kaggle://google/nnlm/tensorFlow2/en-dim129/1")
    with pytest.raises(DownloadError, match="404"):
        resolve(f"kaggle://{NAME}/3")
    assert names_in(cache_dir) == []


@needs_kagglehub
def test_model_in_a_kaggle_notebook_is_the_mounted_directory(kaggle, cache_dir, tmp_path, monkeypatch):
    (tmp_path / "input" / "nnlm").mkdir(parents=True)
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_URL", f"http://127.0.0.1:{PORT}")
    monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", "a token")
    monkeypatch.setenv("KAGGLE_DATA_PROXY_TOKEN", "another")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "input"))
    assert resolve(f"kaggle://{NAME}/1") == str(tmp_path / "input" / "nnlm")
    assert names_in(cache_dir) == []


@needs_kagglehub
def test_unreachable_kaggle_is_an_error(cache_dir):
    with pytest.raises(DownloadError, match="cannot be downloaded from Kaggle"):
        resolve(f"kaggle://{NAME}/1")
    assert names_in(cache_dir) == []


@needs_kagglehub
def test_offline_uses_the_cache_only(kaggle, monkeypatch):
    directory = resolve(f"kaggle://{NAME}/2")
    asked = len(kaggle.logins)
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert resolve(PAGE + "/2") == directory
    with pytest.raises(NotInCache, match="REHUB_OFFLINE"):
        resolve(f"kaggle://{NAME}/1")
    assert len(kaggle.logins) == asked


def test_model_cached_by_tensorflow_hub_under_a_page_is_used(cache_dir):
    typed = PAGE.replace("tensorFlow2", "TensorFlow2") + "/1?tfhub-redirect=true"
    entry = cache_dir / hashlib.sha1(typed.encode()).hexdigest()
    entry.mkdir()
    (entry / "saved_model.pb").write_bytes(b"a graph")
    assert resolve(typed) == str(entry)


def test_hosting_protocol_is_used_without_kagglehub(server, cache_dir, monkeypatch):
    # An environment without kagglehub: no finder of modules knows it.
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("https_proxy", server.url)
    with pytest.raises(DownloadError) as error:
        resolve(f"kaggle://{NAME}/1")
    assert 'pip install "rehub[kaggle]"' in str(error.value)
    assert f"{PAGE}/1?tf-hub-format=compressed" in str(error.value)
    assert names_in(cache_dir) == []
