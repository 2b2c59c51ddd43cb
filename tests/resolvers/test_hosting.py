"""Models at URLs, with real connections and processes."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from hosting import MODEL, archive_of, breaks_off, falls_silent, redirects, sends, sends_without_end, tar_of, zip_of

from rehub.errors import (
    CacheError,
    CorruptArchive,
    DiskFull,
    DownloadError,
    HashMismatch,
    LocationUnavailable,
    NotInCache,
    UnsafeArchive,
)
from rehub.resolvers import resolve

ARCHIVE = archive_of(MODEL)


def contents(directory):
    root = pathlib.Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def name_of(handle):
    return hashlib.sha1(handle.encode()).hexdigest()


def entry_of(handle):
    return [name_of(handle), name_of(handle) + ".descriptor.txt", name_of(handle) + ".manifest.json"]


def start_resolving(handle):
    """Start a process that resolves the handle and prints the result."""
    # Under a shell's `&` a child inherits that SIGINT is ignored.
    code = "import signal, sys, rehub; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code += "; print(rehub.resolve(sys.argv[1]))"
    return subprocess.Popen([sys.executable, "-c", code, handle], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_hosted_model_is_downloaded_once(server, cache_dir):
    handle = server.publish("/google/digits/1", ARCHIVE)
    directory = resolve(handle)
    assert contents(directory) == MODEL
    assert resolve(handle) == directory
    assert [(request.path, request.query) for request in server.requests] == [
        ("/google/digits/1", "tf-hub-format=compressed")
    ]
    assert names_in(cache_dir) == entry_of(handle)


def test_query_reaches_the_server_as_typed(server):
    handle = server.publish("/m", ARCHIVE) + "?signature=a/b+c%2Fd&e="
    assert contents(resolve(handle)) == MODEL
    assert server.requests[0].query == "signature=a/b+c%2Fd&e=&tf-hub-format=compressed"


@pytest.mark.parametrize(
    ("name", "make"), [("m.tar.gz", archive_of), ("m.tgz", archive_of), ("m.tar", tar_of), ("m.zip", zip_of)]
)
def test_archive_url_is_requested_unchanged(server, name, make):
    assert contents(resolve(server.answer("/" + name, sends(make(MODEL))))) == MODEL
    assert server.requests[0].query == ""


def test_second_gzip_of_the_server_is_decompressed(server):
    handle = server.answer("/m.tar.gz", sends(gzip.compress(ARCHIVE), Content_Encoding="gzip"))
    assert contents(resolve(handle)) == MODEL


def test_manifest_records_the_target_of_the_redirects(server, cache_dir):
    server.answer("/signed", sends(ARCHIVE))
    server.answer("/m/3", redirects("/signed?sig=secret"))
    handle = server.answer("/m", redirects("/m/3"))
    resolve(handle)
    manifest = (cache_dir / (name_of(handle) + ".manifest.json")).read_text()
    assert f'"url": "{server.url}/m/3"' in manifest
    assert "secret" not in manifest


def test_cache_hit_needs_no_server(server, cache_dir):  # hub#411
    handle = server.publish("/m", ARCHIVE)
    directory = resolve(handle)
    server.answer("/m", sends(b"gone", "text/plain", 410))
    assert resolve(handle) == directory
    assert len(server.requests) == 1


def test_model_cached_by_tensorflow_hub_is_used_unchanged(server, cache_dir):
    handle = server.url + "/google/digits/1"
    (cache_dir / name_of(handle)).mkdir()
    (cache_dir / name_of(handle) / "saved_model.pb").write_bytes(b"graph")
    assert resolve(handle) == str(cache_dir / name_of(handle))
    assert server.requests == []


@pytest.mark.peers
def test_each_library_uses_models_cached_by_the_other(server, cache_dir):
    from_rehub, from_tensorflow_hub = server.publish("/a/1", ARCHIVE), server.publish("/b/1", ARCHIVE)
    directory = resolve(from_rehub)
    # The second handle is fetched by tensorflow_hub's own resolver, registered with rehub.
    code = """import sys, rehub, tensorflow_hub
from tensorflow_hub.compressed_module_resolver import HttpCompressedFileResolver
print(tensorflow_hub.resolve(sys.argv[1]))
rehub.register_resolver(HttpCompressedFileResolver())
print(rehub.resolve(sys.argv[2]))"""
    command = [sys.executable, "-c", code, from_rehub, from_tensorflow_hub]
    run = subprocess.run(command, capture_output=True, check=False)
    if b"ModuleNotFoundError" in run.stderr:
        pytest.skip(f"tensorflow_hub cannot be imported: {run.stderr.decode().splitlines()[-1]}")
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().split() == [directory, str(cache_dir / name_of(from_tensorflow_hub))]
    assert resolve(from_tensorflow_hub) == str(cache_dir / name_of(from_tensorflow_hub))
    assert [request.path for request in server.requests] == ["/a/1", "/b/1"]


def test_model_with_deleted_files_is_downloaded_again(server):  # hub#646
    handle = server.publish("/m", ARCHIVE)
    directory = pathlib.Path(resolve(handle))
    (directory / "variables" / "variables.index").unlink()
    assert contents(resolve(handle)) == MODEL
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("responder", "error"),
    [
        (sends(b"no", "text/plain", 404), DownloadError),
        (sends(b"<html>Hotel Wi-Fi", "text/html"), DownloadError),
        (sends(bytes(range(256)) * 4, "application/gzip"), CorruptArchive),
        (sends(ARCHIVE[:-10]), CorruptArchive),
        (breaks_off(ARCHIVE, len(ARCHIVE) // 2), DownloadError),
        (sends(zip_of({"../x": b""})), UnsafeArchive),
    ],
    ids=["404", "page", "noise", "truncated", "broken off", "hostile"],
)
def test_failed_download_leaves_nothing_and_the_next_one_succeeds(server, cache_dir, responder, error):
    handle = server.answer("/m", responder)
    with pytest.raises(error) as raised:
        resolve(handle)
    assert handle in str(raised.value)
    assert names_in(cache_dir) == []
    server.publish("/m", ARCHIVE)
    assert contents(resolve(handle)) == MODEL


def test_model_may_have_a_name_like_an_archive(server):  # PROMISES 3.6
    handle = server.publish("/models/m.zip", ARCHIVE)
    server.answer("/models/m.zip", sends_only_to("tf-hub-format=compressed", ARCHIVE))
    assert contents(resolve(handle)) == MODEL
    assert [request.query for request in server.requests] == ["", "tf-hub-format=compressed"]


def test_missing_archive_is_reported_after_both_requests(server):
    with pytest.raises(DownloadError, match="404"):
        resolve(server.url + "/m.tar.gz")
    assert len(server.requests) == 2


OTHER = {**MODEL, "saved_model.pb": b"a newer graph"}


def test_refresh_fetches_the_latest_version(server, cache_dir, monkeypatch):
    server.publish("/m/1", ARCHIVE)
    server.publish("/m/2", archive_of(OTHER))
    handle = server.answer("/m", redirects("/m/1?tf-hub-format=compressed"))
    directory = resolve(handle)
    server.answer("/m", redirects("/m/2?tf-hub-format=compressed"))
    assert contents(resolve(handle)) == MODEL
    assert resolve(handle, refresh=True) == directory
    assert contents(directory) == OTHER
    assert f"{server.url}/m/2" in (cache_dir / (name_of(handle) + ".manifest.json")).read_text()
    before = len(server.requests)
    monkeypatch.setenv("REHUB_REFRESH", "1")
    resolve(handle)
    assert len(server.requests) == before + 2
    assert resolve(handle, refresh=False) == directory
    assert len(server.requests) == before + 2
    assert names_in(cache_dir) == entry_of(handle)


def test_failed_refresh_keeps_the_cached_model(server, cache_dir, monkeypatch):
    handle = server.publish("/m", ARCHIVE)
    directory = resolve(handle)
    server.answer("/m", breaks_off(archive_of(OTHER), 100))
    with pytest.raises(DownloadError):
        resolve(handle, refresh=True)
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    with pytest.raises(NotInCache):
        resolve(handle, refresh=True)
    assert contents(resolve(handle)) == contents(directory) == MODEL
    assert names_in(cache_dir) == entry_of(handle)


def test_mirror_replaces_tfhub_dev(server, cache_dir, monkeypatch):  # hub#146, hub#657
    monkeypatch.setenv("REHUB_TFHUB_ENDPOINT", server.url + "/mirror/")
    server.publish("/mirror/google/nnlm/1", ARCHIVE)
    directory = resolve("https://tfhub.dev/google/nnlm/1")
    assert contents(directory) == MODEL
    assert directory == str(cache_dir / name_of("https://tfhub.dev/google/nnlm/1"))


def test_login_in_a_handle_is_not_written_to_the_cache(server, cache_dir):
    server.publish("/m", ARCHIVE)
    resolve(server.url.replace("//", "//me:hunter2@") + "/m")
    assert server.requests[0].headers["Authorization"].startswith("Basic")
    for path in cache_dir.iterdir():
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def test_hash_in_the_handle_is_verified_and_not_sent(server, cache_dir):
    url = server.publish("/m", ARCHIVE)
    assert contents(resolve(url + "#sha256=" + hashlib.sha256(ARCHIVE).hexdigest())) == MODEL
    assert server.requests[0].query == "tf-hub-format=compressed"
    before = names_in(cache_dir)
    with pytest.raises(HashMismatch):
        resolve(url + "#sha256=" + hashlib.sha256(b"another").hexdigest())
    assert names_in(cache_dir) == before


def test_model_larger_than_the_limit_is_refused(server, cache_dir, monkeypatch):
    monkeypatch.setenv("REHUB_MAX_SIZE", "2kB")
    with pytest.raises(UnsafeArchive, match=r"2.0 kB \(REHUB_MAX_SIZE\)"):
        resolve(server.publish("/m", ARCHIVE))
    assert names_in(cache_dir) == []


def sends_only_to(query, archive):
    """Answer requests with this query, and others with 404."""

    def respond(request):
        found = request.path.endswith("?" + query)
        (sends(archive) if found else sends(b"nothing here", "text/plain", 404))(request)

    return respond


def sends_location(place, status=303, **headers):
    """Answer a request for an uncompressed model by the hosting protocol."""

    def respond(request):
        assert request.path.endswith("?tf-hub-format=uncompressed")
        sends(place, "text/plain", status, **headers)(request)

    return respond


@pytest.fixture
def uncompressed(monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")


@pytest.mark.parametrize("headers", [{}, {"Location": "gs://bucket/m/1"}], ids=["body", "body and Location"])
def test_uncompressed_model_is_at_the_location_of_the_303(server, uncompressed, cache_dir, headers):
    handle = server.answer("/m/1", sends_location(b"gs://bucket/m/1", **headers))
    assert resolve(handle) == "gs://bucket/m/1"
    assert names_in(cache_dir) == []


def test_request_for_an_uncompressed_model_may_be_redirected(server, uncompressed):
    server.answer("/new", sends_location(b"gs://bucket/m\n"))
    assert resolve(server.answer("/old", redirects("/new?tf-hub-format=uncompressed"))) == "gs://bucket/m"


@pytest.mark.parametrize("status", [200, 302, 404, 410, 500])
def test_other_status_than_303_gives_no_location(server, uncompressed, status):
    handle = server.answer("/m", sends_location(b"gs://bucket/m", status))
    with pytest.raises(LocationUnavailable, match=f"{status} ") as error:
        resolve(handle)
    assert isinstance(error.value, ValueError)  # as tensorflow_hub's
    assert handle in str(error.value)


@pytest.mark.parametrize(
    "body", [b"", b"/etc/model", b"file:///etc/model", b"https://h/m", b"kaggle://a/b/c/d", b"gs://", b"gs://a\0b"]
)
def test_location_outside_of_object_stores_is_refused(server, uncompressed, body):
    with pytest.raises(LocationUnavailable, match="UNCOMPRESSED"):
        resolve(server.answer("/m", sends_location(body)))


def test_endless_303_is_read_up_to_the_length_of_a_path(server, uncompressed):
    taken = [0]
    handle = server.answer("/m", sends_without_end(b"gs://" + bytes(1 << 20), 10_000, taken, status=303))
    with pytest.raises(LocationUnavailable, match="holds no path"):
        resolve(handle)
    assert taken[0] < 32 << 20  # What the sockets hold, at most.


@pytest.mark.skipif(not pathlib.Path("/proc/self/clear_refs").exists(), reason="only Linux tells a peak of memory")
def test_large_model_needs_no_more_memory_than_a_small_one(server):
    code = """import pathlib, sys, rehub
def memory(line):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(next(text for text in status.splitlines() if text.startswith(line)).split()[1])
rehub.resolve(sys.argv[1])
pathlib.Path("/proc/self/clear_refs").write_text("5")  # The peak starts from here.
before = memory("VmRSS")
rehub.resolve(sys.argv[2])
print(memory("VmHWM") - before)"""
    small = server.publish("/small", ARCHIVE)
    large = server.publish("/large", gzip.compress(tar_of({"saved_model.pb": os.urandom(1 << 20) * 150}), 0))
    run = subprocess.run([sys.executable, "-c", code, small, large], check=True, stdout=subprocess.PIPE)
    assert int(run.stdout) < 20_000  # kB


def can_mount():
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount") is not None


@pytest.fixture
def tiny_disk(tmp_path, monkeypatch):
    """A cache on a disk of 4 MB."""
    mounted = can_mount() and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)], check=False, stderr=subprocess.DEVNULL
    )
    if not mounted or mounted.returncode != 0:
        pytest.skip("only root can mount a disk")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_archive_larger_than_the_disk_is_refused_before_the_download(server, tiny_disk):
    taken = [0]
    body = sends_without_end(ARCHIVE + bytes(1 << 20), 30, taken)
    with pytest.raises(DiskFull, match=r"needs 31.* MB, and 4.* MB are free"):
        resolve(server.answer("/m.tar.gz", body))
    assert list(tiny_disk.iterdir()) == []


def test_file_larger_than_the_disk_is_refused_before_it_is_written(server, tiny_disk):
    archive = archive_of({"saved_model.pb": bytes(20 << 20)})
    with pytest.raises(DiskFull, match=r"'./saved_model.pb' of .* needs 21.0 MB, and 4.* MB are free"):
        resolve(server.publish("/m", archive))
    assert list(tiny_disk.iterdir()) == []


def test_disk_that_becomes_full_leaves_nothing(server, tiny_disk):
    archive = archive_of({f"assets/{number}": bytes(1 << 20) for number in range(8)})
    with pytest.raises(DiskFull, match="became full while writing") as error:
        resolve(server.publish("/m", archive))
    assert isinstance(error.value, CacheError)
    assert list(tiny_disk.iterdir()) == []


def test_requested_progress_is_printed(server, monkeypatch, capfd):
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    handle = server.publish("/m", ARCHIVE)
    resolve(handle)
    assert handle in capfd.readouterr().err


def test_four_processes_get_the_model_by_one_download(server, cache_dir):
    handle = server.publish("/m", ARCHIVE)
    processes = [start_resolving(handle) for _ in range(4)]
    answers = {process.communicate(timeout=90)[0].decode().strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert answers == {str(cache_dir / name_of(handle))}
    assert contents(cache_dir / name_of(handle)) == MODEL
    assert names_in(cache_dir) == entry_of(handle)
    assert len(server.requests) == 1


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_killed_download_leaves_no_entry(server, cache_dir, name):
    # Big and plain, so that some of it is on the disk when the server falls silent.
    files = {"saved_model.pb": b"graph", "variables/variables.data": os.urandom(4 << 20)}
    tar = tar_of(files)
    done = threading.Event()
    handle = server.answer("/m.tar", falls_silent(tar, 3 << 20, done))
    process = start_resolving(handle)
    wait_for(lambda: list(cache_dir.glob("*.tmp/model/variables/*")))
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    assert process.returncode != 0
    done.set()
    assert not (cache_dir / name_of(handle)).exists()
    if name == "SIGINT":
        assert names_in(cache_dir) == []
    server.answer("/m.tar", sends(tar))
    assert contents(resolve(handle)) == files


def test_cache_may_be_in_an_object_store(server, memory, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "memory://bucket/models")
    handle = server.publish("/google/nnlm/1", archive_of(MODEL))
    url = resolve(handle)
    assert url == f"memory://bucket/models/{name_of(handle)}"
    assert {name: memory.cat_file(f"{url}/{name}") for name in MODEL} == MODEL
    asked = len(server.requests)
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert resolve(handle) == url
    assert len(server.requests) == asked
    with pytest.raises(NotInCache, match="is not in the cache memory://bucket/models"):
        resolve(handle + "2")
