"""Models by URL, over real connections and with real processes."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from hosting import MODEL, archive_of, breaks_off, falls_silent, redirects, sends, tar_of, zip_of

from rehub.errors import CorruptArchive, DownloadError, InvalidSetting, UnsafeArchive
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
    """Another process that prints what the handle resolves to."""
    # Under a shell's `&` a child inherits that SIGINT is ignored.
    code = "import signal, sys, rehub; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code += "; print(rehub.resolve(sys.argv[1]))"
    return subprocess.Popen([sys.executable, "-c", code, handle], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_hosted_model_is_downloaded_once(server, cache_dir):  # P16, P34, P39, P42
    handle = server.publish("/google/digits/1", ARCHIVE)
    directory = resolve(handle)
    assert contents(directory) == MODEL
    assert resolve(handle) == directory
    assert [(request.path, request.query) for request in server.requests] == [
        ("/google/digits/1", "tf-hub-format=compressed")
    ]
    assert names_in(cache_dir) == entry_of(handle)


def test_a_query_reaches_the_server_as_it_was_typed(server):
    handle = server.publish("/m", ARCHIVE) + "?signature=a/b+c%2Fd&e="
    assert contents(resolve(handle)) == MODEL
    assert server.requests[0].query == "signature=a/b+c%2Fd&e=&tf-hub-format=compressed"


@pytest.mark.parametrize(
    ("name", "make"), [("m.tar.gz", archive_of), ("m.tgz", archive_of), ("m.tar", tar_of), ("m.zip", zip_of)]
)
def test_an_archive_url_is_asked_for_as_it_stands(server, name, make):
    assert contents(resolve(server.answer("/" + name, sends(make(MODEL))))) == MODEL
    assert server.requests[0].query == ""


def test_a_second_gzip_of_the_server_is_undone_once(server):
    handle = server.answer("/m.tar.gz", sends(gzip.compress(ARCHIVE), Content_Encoding="gzip"))
    assert contents(resolve(handle)) == MODEL


def test_the_manifest_records_where_the_redirects_led(server, cache_dir):
    server.answer("/signed", sends(ARCHIVE))
    handle = server.answer("/m", redirects("/signed?sig=1"))
    resolve(handle)
    assert f'"url": "{server.url}/signed?sig=1"' in (cache_dir / (name_of(handle) + ".manifest.json")).read_text()


def test_a_hit_needs_no_server(server, cache_dir):  # hub#411
    handle = server.publish("/m", ARCHIVE)
    directory = resolve(handle)
    server.answer("/m", sends(b"gone", "text/plain", 410))
    assert resolve(handle) == directory
    assert len(server.requests) == 1


def test_a_model_that_tensorflow_hub_has_cached_is_used_as_it_stands(server, cache_dir):
    handle = server.url + "/google/digits/1"
    (cache_dir / name_of(handle)).mkdir()
    (cache_dir / name_of(handle) / "saved_model.pb").write_bytes(b"graph")
    assert resolve(handle) == str(cache_dir / name_of(handle))
    assert server.requests == []


def test_each_library_uses_what_the_other_has_cached(server, cache_dir):
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


def test_a_model_damaged_by_a_cleaner_is_downloaded_again(server):  # hub#646
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
def test_a_failed_download_leaves_nothing_and_the_next_one_succeeds(server, cache_dir, responder, error):
    handle = server.answer("/m", responder)
    with pytest.raises(error) as raised:
        resolve(handle)
    assert handle in str(raised.value)
    assert names_in(cache_dir) == []
    server.publish("/m", ARCHIVE)
    assert contents(resolve(handle)) == MODEL


def test_reading_from_remote_storage_is_refused_until_it_is_there(server, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    with pytest.raises(InvalidSetting, match="UNCOMPRESSED"):
        resolve(server.publish("/m", ARCHIVE))


def test_progress_is_told_to_who_asks(server, monkeypatch, capfd):  # P44
    monkeypatch.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
    handle = server.publish("/m", ARCHIVE)
    resolve(handle)
    assert handle in capfd.readouterr().err


def test_four_processes_at_once_get_the_one_model(server, cache_dir):
    everybody_asks = threading.Barrier(4)

    def send_when_all_ask(request):
        everybody_asks.wait(60)
        sends(ARCHIVE)(request)

    handle = server.answer("/m", send_when_all_ask)
    processes = [start_resolving(handle) for _ in range(4)]
    answers = {process.communicate(timeout=90)[0].decode().strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert answers == {str(cache_dir / name_of(handle))}
    assert contents(cache_dir / name_of(handle)) == MODEL
    assert names_in(cache_dir) == entry_of(handle)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_killed_download_leaves_no_entry(server, cache_dir, name):
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
