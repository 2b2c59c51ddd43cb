"""What programs get: archives, versions, conditions, ranges, digests, and reasons where there is nothing to get."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import re
import shutil
import socket
import tarfile
import threading
import time

import pytest
import requests
from services import serving

import rehub as hub

COMPRESSED = {"tf-hub-format": "compressed"}


@pytest.fixture(scope="module")
def url(plain, cache):
    with serving(plain, "--cache", cache) as url:
        yield url


def test_a_version_is_loaded_by_rehub(url):
    info = hub.inspect(f"{url}/acme/text/1")
    assert [signature.name for graph in info.graphs for signature in graph.signatures]


def test_an_archive_has_its_digest_and_never_changes(url):
    answer = requests.get(f"{url}/acme/text/1", COMPRESSED)
    sha256 = hashlib.sha256(answer.content)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/gzip"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["ETag"] == f'"{sha256.hexdigest()}"'
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"
    assert "immutable" in answer.headers["Cache-Control"]
    assert requests.get(f"{url}/acme/text/1", COMPRESSED).content == answer.content


def test_the_archive_is_what_rehub_export_writes(url, plain, tmp_path):
    from rehub.cli.program import main

    assert main(["export", str(plain / "acme/text/1"), str(tmp_path / "text.tar.gz")]) == 0
    assert (tmp_path / "text.tar.gz").read_bytes() == requests.get(f"{url}/acme/text/1", COMPRESSED).content


def test_the_archive_has_members_for_directories(url):
    """Without them tensorflow_hub fails to write assets/..."""
    content = requests.get(f"{url}/acme/text/1", COMPRESSED).content
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        directories = [member.name for member in archive if member.isdir()]
    assert {"./variables", "./assets"} <= {name.rstrip("/") for name in directories}


def test_without_a_version_the_latest_is_meant(url):
    answer = requests.get(f"{url}/acme/text", COMPRESSED, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/acme/text/2?tf-hub-format=compressed")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_client_that_has_the_archive_gets_no_body(url):
    etag = requests.get(f"{url}/acme/text/1", COMPRESSED).headers["ETag"]
    for tags in (etag, f'"other", W/{etag}', "*"):
        answer = requests.get(f"{url}/acme/text/1", COMPRESSED, headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert requests.get(f"{url}/acme/text/1", COMPRESSED, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_head_request_gets_the_headers_alone(url):
    whole = requests.get(f"{url}/acme/text/1", COMPRESSED)
    head = requests.head(f"{url}/acme/text/1", params=COMPRESSED)
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in ("ETag", "Content-Length", "Accept-Ranges")} == {
        name: whole.headers[name] for name in ("ETag", "Content-Length", "Accept-Ranges")
    }


def test_a_range_is_sent_alone(url):
    whole = requests.get(f"{url}/acme/text/1", COMPRESSED)
    answer = requests.get(
        f"{url}/acme/text/1", COMPRESSED, headers={"Range": "bytes=100-", "If-Range": whole.headers["ETag"]}
    )
    assert (answer.status_code, answer.content) == (206, whole.content[100:])
    assert answer.headers["Content-Range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"


def test_a_range_of_another_version_gets_the_whole(url):
    answer = requests.get(f"{url}/acme/text/1", COMPRESSED, headers={"Range": "bytes=100-", "If-Range": '"old"'})
    assert answer.status_code == 200


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=a-b", "bytes=", "items=0-1", "bytes=5-2,", "bytes=--1"])
def test_ranges_that_are_not_one_range_of_bytes_get_the_whole(url, asked):
    whole = requests.get(f"{url}/acme/text/1", COMPRESSED)
    answer = requests.get(f"{url}/acme/text/1", COMPRESSED, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, whole.content)


def test_a_range_behind_the_end_is_refused(url):
    size = len(requests.get(f"{url}/acme/text/1", COMPRESSED).content)
    answer = requests.get(f"{url}/acme/text/1", COMPRESSED, headers={"Range": f"bytes={size}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_uncompressed_names_a_place_in_the_body_of_a_303(plain, tmp_path):
    with serving(plain, "--cache", tmp_path / "cache", "--uncompressed-prefix", "gs://bucket/models/") as url:
        answer = requests.get(f"{url}/acme/text", {"tf-hub-format": "uncompressed"}, allow_redirects=False)
    assert (answer.status_code, answer.text) == (303, "gs://bucket/models/acme/text/2")


def test_uncompressed_without_an_object_store_says_what_to_ask(url):
    answer = requests.get(f"{url}/acme/text/1", {"tf-hub-format": "uncompressed"}, allow_redirects=False)
    assert answer.status_code == 404
    assert "tf-hub-format=compressed" in answer.text


@pytest.mark.parametrize("path", ["acme/tex/1", "acme/text/3", "acme/text/01", "nobody/at/all/1"])
def test_a_model_that_is_not_there_is_a_404(url, path):
    assert requests.get(f"{url}/{path}", COMPRESSED).status_code == 404


def test_a_404_names_what_is_similar(url):
    assert "acme/text" in requests.get(f"{url}/acme/tex/1", COMPRESSED).text
    assert "acme/text/1, acme/text/2" in requests.get(f"{url}/acme/text/3", COMPRESSED).text


def test_rehub_shows_what_the_service_says_of_a_missing_model(url):
    with pytest.raises(hub.errors.DownloadError, match="acme/text/2"):
        hub.resolve(f"{url}/acme/text/3")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret/1", "/acme/../../secret", "/%2e%2e/secret/1", "/acme/%2e%2e%2f%2e%2e%2fsecret", "/acme/text%00/1",
        "/acme\\..\\secret", "//etc/passwd", "/acme/text/1/../../../secret", "/.hidden/text/1",
        "/" + "a/" * 500, "/acme/" + "a" * 5000, "/a" + ("/" + "b" * 199) * 15, "/%c0%ae%c0%ae/secret/1",
        "/\uff0e\uff0e/secret/1", "/acme/\u0442ext/1", "/acme/text/\u0661",
    ],
)  # fmt: skip
def test_nothing_outside_of_the_directory_is_found(url, plain, path):
    secret = plain.parent / "secret" / "1"
    secret.mkdir(parents=True, exist_ok=True)
    (secret / "saved_model.pb").write_bytes(b"secret")
    request = requests.Request("GET", url).prepare()
    request.url = f"{url}{path}?tf-hub-format=compressed"
    with requests.Session() as session:
        answer = session.send(request, allow_redirects=False)
    assert answer.status_code == 404
    assert b"secret" not in answer.content[:20]


def test_links_that_leave_the_directory_are_not_followed(url, plain):
    outside = plain.parent / "outside"
    outside.mkdir()
    (outside / "saved_model.pb").write_bytes(b"secret")
    (plain / "acme" / "link").mkdir()
    (plain / "acme" / "link" / "1").symlink_to(outside)
    shutil.copytree(str(plain / "acme/images/1"), str(plain / "acme/images/7"))
    (plain / "acme/images/7/secret").symlink_to(outside / "saved_model.pb")
    assert requests.get(f"{url}/acme/link/1", COMPRESSED).status_code == 404
    answer = requests.get(f"{url}/acme/images/7", COMPRESSED)
    assert answer.status_code == 500
    assert str(plain) not in answer.text


def test_a_tflite_file_and_a_model_of_tensorflow_js_are_sent_as_they_are(url, plain):
    (plain / "acme/lite/1").mkdir(parents=True)
    (plain / "acme/lite/1/model.tflite").write_bytes(b"TFL3")
    (plain / "acme/js/1").mkdir(parents=True)
    (plain / "acme/js/1/model.json").write_text("{}")
    (plain / "acme/js/1/group1-shard1of1").write_bytes(b"weights")
    assert requests.get(f"{url}/acme/lite/1?lite-format=tflite").content == b"TFL3"
    assert requests.get(f"{url}/acme/js/1/model.json?tfjs-format=file").json() == {}
    assert requests.get(f"{url}/acme/js/1/group1-shard1of1?tfjs-format=file").content == b"weights"
    for name in ("js/1/" + "x" * 300, "js/1/a%00b", "js/1/%2e%2e", "text/1/saved_model.pb"):
        assert requests.get(f"{url}/acme/{name}?tfjs-format=file").status_code == 404
    with tarfile.open(fileobj=io.BytesIO(requests.get(f"{url}/acme/js/1?tfjs-format=compressed").content)) as archive:
        assert "./model.json" in archive.getnames()


def test_a_tflite_file_that_is_a_link_out_of_the_directory_is_not_sent(url, plain):
    (plain.parent / "secret.txt").write_text("the secret text")
    (plain / "acme/linked/1").mkdir(parents=True)
    (plain / "acme/linked/1/model.tflite").symlink_to(plain.parent / "secret.txt")
    assert requests.get(f"{url}/acme/linked/1?lite-format=tflite").status_code == 404


def test_a_client_that_goes_away_gets_no_more_of_a_file(url, plain):
    (plain / "acme/large/1").mkdir(parents=True)
    with (plain / "acme/large/1/model.tflite").open("wb") as file:
        file.truncate(100 << 20)
    assert len(requests.get(f"{url}/acme/large/1?lite-format=tflite").content) == 100 << 20
    before = count_sent_bytes(url)
    with requests.get(f"{url}/acme/large/1?lite-format=tflite", stream=True) as answer:
        answer.raw.read(1 << 20)
    deadline = time.monotonic() + 30
    while count_sent_bytes(url) - before < 1 << 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert 1 << 20 <= count_sent_bytes(url) - before < 50 << 20


def count_sent_bytes(url):
    metrics = requests.get(f"{url}/-/metrics").text
    return float(re.search("^rehub_response_bytes_total (.*)$", metrics, re.MULTILINE)[1])


def test_nginx_sends_the_archive_where_it_is_told_to(plain, tmp_path):
    with serving(plain, "--cache", tmp_path / "cache", "--accel-redirect", "/archives") as url:
        answer = requests.get(f"{url}/acme/text/1", COMPRESSED)
    place = answer.headers["X-Accel-Redirect"]
    assert place.startswith("/archives/sha256/")
    assert (tmp_path / "cache" / "blobs" / place[len("/archives/") :]).is_file()


def test_a_model_that_was_changed_on_disk_gets_another_archive(url, plain):
    before = requests.get(f"{url}/acme/images/1", COMPRESSED).headers["ETag"]
    (plain / "acme/images/1/note.txt").write_text("new")
    assert requests.get(f"{url}/acme/images/1", COMPRESSED).headers["ETag"] != before


@contextlib.contextmanager
def cutting(url, after):
    """A proxy in front of a service that ends its first long answer after this many bytes; give its URL."""
    target = url.rpartition("/")[2].split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    cuts = [after]

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, socket.create_connection((target[0], int(target[1]))) as server:
                server.sendall(client.recv(65536))
                left = cuts.pop() if cuts else None
                while left is None or left > 0:
                    chunk = server.recv(65536 if left is None else min(65536, left))
                    if not chunk:
                        break
                    client.sendall(chunk)
                    left = None if left is None else left - len(chunk)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_download_that_was_cut_goes_on_where_it_was(url, plain, share):
    (plain / "acme/images/1/noise").write_bytes(os.urandom(3_000_000))
    size = int(requests.head(f"{url}/acme/images/1", params=COMPRESSED).headers["Content-Length"])
    with cutting(url, int(size * share)) as proxy:
        directory = hub.resolve(f"{proxy}/acme/images/1")
    with open(os.path.join(directory, "noise"), "rb") as file:
        assert file.read() == (plain / "acme/images/1/noise").read_bytes()
