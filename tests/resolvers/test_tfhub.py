"""URLs of tfhub.dev, with a local server as its mirror."""

from __future__ import annotations

import hashlib
import pathlib

import pytest
from hosting import MODEL, archive_of, redirects, sends

from rehub.errors import DownloadError, ModelNotFound
from rehub.resolvers import resolve

HANDLE = "https://tfhub.dev/google/nnlm-en-dim128/2"


def contents(directory):
    root = pathlib.Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def tfhub(server, monkeypatch):
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", server.url)
    return server


def test_all_spellings_of_a_model_are_one_entry_that_tensorflow_hub_finds(tfhub, cache_dir):
    tfhub.publish("/google/nnlm-en-dim128/2", archive_of(MODEL))
    directory = resolve("http://tfhub.dev/google/nnlm-en-dim128/2/?tf-hub-format=compressed")
    assert contents(directory) == MODEL
    assert resolve(HANDLE) == directory == str(cache_dir / hashlib.sha1(HANDLE.encode()).hexdigest())
    assert len(tfhub.requests) == 1


def test_model_cached_by_tensorflow_hub_under_another_spelling_is_used(tfhub, cache_dir):
    entry = cache_dir / hashlib.sha1((HANDLE + "/").encode()).hexdigest()
    entry.mkdir()
    (entry / "saved_model.pb").write_bytes(b"a graph")
    assert resolve(HANDLE + "/") == str(entry)
    assert tfhub.requests == []


def test_manifest_records_the_page_that_the_server_redirects_to(tfhub, cache_dir):
    page = "/models/google/nnlm/tensorFlow2/en-dim128/1?tfhub-redirect=true&tf-hub-format=compressed"
    tfhub.answer("/google/nnlm-en-dim128/2", redirects(page))
    tfhub.answer(page.partition("?")[0], sends(archive_of(MODEL)))
    resolve(HANDLE)
    manifest = cache_dir / (hashlib.sha1(HANDLE.encode()).hexdigest() + ".manifest.json")
    assert f'"url": "{tfhub.url}{page}"' in manifest.read_text()


@pytest.mark.parametrize(
    "name",
    ["nvidia/unet/industrial/class_10/1", "silero/silero-stt/en/1", "inaturalist/vision/embedder/inaturalist_V2"],
)
def test_deleted_model_is_reported_with_the_reason(name, cache_dir):
    with pytest.raises(ModelNotFound, match="was deleted on 2024-03-18") as error:
        resolve(f"https://tfhub.dev/{name}")
    assert f"https://tfhub.dev/{name}" in str(error.value)
    assert "404" in str(error.value)


def test_deleted_model_in_a_cache_resolves(tfhub):
    tfhub.publish("/silero/silero-stt/en/1", archive_of(MODEL))
    assert contents(resolve("https://tfhub.dev/silero/silero-stt/en/1")) == MODEL


def test_other_missing_model_is_a_download_error():
    with pytest.raises(DownloadError, match="404"):
        resolve("https://tfhub.dev/nvidia/unet/industrial/class_11/1")
