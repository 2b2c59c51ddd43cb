"""Models in object stores: fsspec's memory, and a local S3 server."""

from __future__ import annotations

import hashlib
import importlib.util
import pathlib
import sys

import pytest
from hosting import MODEL, archive_of, tar_of, zip_of

from rehub.errors import (
    CorruptArchive,
    DownloadError,
    HashMismatch,
    InvalidHandle,
    ModelNotFound,
    NotInCache,
    PackageMissing,
    UnsafeArchive,
)
from rehub.resolvers import resolve

pytest.importorskip("fsspec", reason="fsspec is not installed here")


def contents(directory):
    root = pathlib.Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def write(storage, place, files):
    for name, content in files.items():
        path = f"{place}/{name}" if name else place
        storage.makedirs(path.rpartition("/")[0], exist_ok=True)
        with storage.open(path, "wb") as file:
            file.write(content)


def delete(storage, place):
    storage.rm(place, recursive=True)


@pytest.fixture(params=["memory", "s3"])
def store(request):
    """A storage, and a URL in it."""
    return request.getfixturevalue(request.param), f"{request.param}://bucket/größe x/nnlm"


def test_directory_is_copied_into_the_cache_once(store, cache_dir):
    storage, url = store
    write(storage, url, MODEL)
    directory = resolve(url)
    assert contents(directory) == MODEL
    delete(storage, url)
    assert resolve(url + "/") == directory
    name = hashlib.sha1(url.encode()).hexdigest()
    assert names_in(cache_dir) == [name, name + ".descriptor.txt", name + ".manifest.json"]
    assert f'"url": "{url}"' in (cache_dir / (name + ".manifest.json")).read_text().encode().decode("unicode_escape")


@pytest.mark.parametrize(
    ("ending", "make"), [(".tar.gz", archive_of), (".tar", tar_of), (".zip", zip_of), ("", zip_of)]
)
def test_archive_is_unpacked_into_the_cache_once(store, ending, make):
    storage, url = store
    write(storage, url + ending, {"": make(MODEL)})
    directory = resolve(url + ending)
    assert contents(directory) == MODEL
    delete(storage, url + ending)
    assert resolve(url + ending) == directory


def test_archive_must_have_the_hash_of_its_handle(store, cache_dir):
    storage, url = store
    archive = archive_of(MODEL)
    write(storage, url + ".tgz", {"": archive})
    with pytest.raises(HashMismatch, match="0123456789abcdef"):
        resolve(f"{url}.tgz#sha256={'0123456789abcdef' * 4}")
    assert names_in(cache_dir) == []
    assert contents(resolve(f"{url}.tgz#sha256={hashlib.sha256(archive).hexdigest()}")) == MODEL
    write(storage, url, MODEL)
    with pytest.raises(InvalidHandle, match="names a directory"):
        resolve(f"{url}#sha256={'0' * 64}")


def test_empty_location_has_no_model(store, cache_dir):
    _, url = store
    with pytest.raises(ModelNotFound, match="is empty, or does not exist") as error:
        resolve(url)
    assert url in str(error.value)
    assert names_in(cache_dir) == []


def test_directory_without_a_model_lists_models(store):
    storage, url = store
    write(storage, url, {"README.md": b"two models", "1/saved_model.pb": b"one", "2/saved_model.pb": b"two"})
    with pytest.raises(ModelNotFound) as error:
        resolve(url)
    assert "It holds: 1/saved_model.pb, 2/saved_model.pb, README.md." in str(error.value)
    assert f"\n  {url}/1\n  {url}/2" in str(error.value)


def test_file_that_is_not_an_archive_leaves_the_cache_unchanged(memory, cache_dir):
    write(memory, "memory://b", {"m.tar.gz": b"<html>", "n.zip": zip_of({"../x": b"harm"})})
    with pytest.raises(CorruptArchive):
        resolve("memory://b/m.tar.gz")
    with pytest.raises(UnsafeArchive):
        resolve("memory://b/n.zip")
    assert names_in(cache_dir) == []


def test_file_that_leaves_the_model_directory_is_refused(memory, tmp_path, cache_dir):
    write(memory, "memory://b", {"m/saved_model.pb": b"a graph"})
    memory.store["/b/m/../../escaped"] = memory.store["/b/m/saved_model.pb"]
    with pytest.raises(UnsafeArchive, match=r"\.\./\.\./escaped"):
        resolve("memory://b/m")
    assert names_in(cache_dir) == []


def test_refused_access_says_where_the_driver_looks_for_a_login(s3, monkeypatch, cache_dir):
    write(s3, "s3://bucket/m", MODEL)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    s3.clear_instance_cache()
    with pytest.raises(DownloadError, match="AWS_ACCESS_KEY_ID") as error:
        resolve("s3://bucket/m")
    assert "s3://bucket/m" in str(error.value)
    assert names_in(cache_dir) == []


def test_unreachable_storage_is_an_error(s3, monkeypatch, cache_dir):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.clear_instance_cache()
    with pytest.raises(DownloadError, match="s3://bucket/m"):
        resolve("s3://bucket/m")
    assert names_in(cache_dir) == []


def test_uncompressed_returns_the_url_of_the_directory(memory, cache_dir, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    write(memory, "memory://b", {"m.tar": tar_of(MODEL)})
    assert resolve("gs://bucket/nnlm/") == "gs://bucket/nnlm"
    assert resolve("s3://bucket/nnlm") == "s3://bucket/nnlm"
    assert contents(resolve("memory://b/m.tar")) == MODEL  # TensorFlow reads no archives


def test_directory_is_read_by_tensorflow_without_gcsfs(monkeypatch, cache_dir):
    # An environment without gcsfs: no finder of modules knows it.
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    assert resolve("gs://bucket/nnlm") == "gs://bucket/nnlm"
    with pytest.raises(PackageMissing, match=r'pip install "rehub\[gcs\]"'):
        resolve("gs://bucket/nnlm.tar.gz")
    assert names_in(cache_dir) == []


@pytest.mark.skipif(importlib.util.find_spec("s3fs") is not None, reason="s3fs is installed here")
def test_missing_driver_is_an_error_with_the_pip_line():
    with pytest.raises(PackageMissing, match=r'pip install "rehub\[s3\]"') as error:
        resolve("s3://bucket/nnlm")
    assert isinstance(error.value, ImportError)


def test_unknown_scheme_is_refused_with_the_accepted_forms(cache_dir):
    with pytest.raises(InvalidHandle, match="does not know htps://") as error:
        resolve("htps://tfhub.dev/google/nnlm-en-dim50/2")
    assert "rehub.register_resolver" in str(error.value)
    assert names_in(cache_dir) == []


def test_offline_uses_the_cache_only(memory, monkeypatch):
    write(memory, "memory://b/m", MODEL)
    directory = resolve("memory://b/m")
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert resolve("memory://b/m") == directory
    with pytest.raises(NotInCache, match="REHUB_OFFLINE"):
        resolve("memory://b/n")
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    with pytest.raises(NotInCache):
        resolve("gs://bucket/nnlm")
