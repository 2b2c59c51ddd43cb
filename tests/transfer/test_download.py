"""Responses of servers, and the resulting errors."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
import uuid

import pytest
from hosting import (
    MODEL,
    HostingServer,
    Ranges,
    archive_of,
    breaks_off,
    drips,
    falls_silent,
    in_turn,
    redirects,
    sends,
    sends_without_end,
    tar_of,
)

from rehub.errors import CorruptArchive, DownloadError, HashMismatch, InvalidSetting, UnsafeArchive
from rehub.transfer.archives import Limits
from rehub.transfer.download import download_archive
from rehub.version import __version__

ARCHIVE = archive_of(MODEL)
HANDLE = "the handle"


@pytest.fixture
def fetch(tmp_path):
    """Download into a new directory, and check that it is empty after an error."""

    def fetch(url, handle=HANDLE, retries=0, **options):
        into = tmp_path / uuid.uuid4().hex
        into.mkdir()
        try:
            brought = download_archive(url, into, handle=handle, retries=retries, **options)
        except BaseException:
            assert list(into.iterdir()) == []
            raise
        names = [path for path in into.rglob("*") if path.is_file()]
        return brought.url, {path.relative_to(into).as_posix(): path.read_bytes() for path in names}

    return fetch


def test_archive_is_downloaded_as_stored_on_the_server(server, fetch):
    url = server.answer("/m", sends(ARCHIVE))
    assert fetch(url) == (url, MODEL)
    headers = server.requests[0].headers
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"] == f"rehub/{__version__}"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_content_encoding_is_not_decoded_by_requests(server, encoding, fetch):
    # Servers say this of a .tar.gz that they have on the disk, and mean the file itself.
    url = server.answer("/m.tar.gz", sends(ARCHIVE, "application/x-tar", Content_Encoding=encoding))
    assert fetch(url)[1] == MODEL
    twice = gzip.compress(ARCHIVE)
    assert fetch(server.answer("/twice", sends(twice, Content_Encoding=encoding)))[1] == MODEL


def test_redirects_are_followed(server, fetch):
    end = server.answer("/end?version=b%2Fc", sends(ARCHIVE))
    server.answer("/end", sends(ARCHIVE))
    server.answer("/middle", redirects(end))
    assert fetch(server.answer("/start", redirects("/middle"))) == (end, MODEL)
    assert server.requests[-1].query == "version=b%2Fc"


def test_redirect_to_a_file_is_refused_with_all_responses(server, tmp_path, fetch):
    (tmp_path / "secret").write_bytes(ARCHIVE)
    url = server.answer("/m", redirects((tmp_path / "secret").as_uri()))
    with pytest.raises(DownloadError, match=r"http and https only") as error:
        fetch(url)
    assert f"302 Found from {url}" in str(error.value)
    assert (tmp_path / "secret").as_uri() in str(error.value)


def test_endless_redirects_are_an_error(server, fetch):
    url = server.answer("/m", redirects("/m"))
    with pytest.raises(DownloadError, match="redirects"):
        fetch(url)


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "login"),
        (403, "consent"),
        (404, "check the spelling"),
        (410, "deleted"),
        (429, "slow down"),
        (500, "try again later"),
        (503, "try again later"),
        (418, "Expected status 200"),
        (204, "Expected status 200"),
    ],
)
def test_unexpected_status_is_reported_with_the_servers_text(server, status, hint, fetch):
    server.answer("/end", sends(b"SignatureDoesNotMatch\n for you", "text/plain", status))
    url = server.answer("/m", redirects("/end"))
    with pytest.raises(DownloadError, match=hint) as error:
        fetch(url)
    message = str(error.value)
    assert HANDLE in message
    assert f"302 Found from {url}" in message
    assert f"{status} " in message
    assert f"from {server.url}/end" in message
    if status != 204:  # which has no body
        assert "SignatureDoesNotMatch for you" in message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\n <!doctype html><title>Hotel Wi-Fi</title>", "text/html"),
        (b"<html><title>Hotel Wi-Fi</title>", "application/gzip"),
        (b'{"title": "Hotel Wi-Fi"}', "application/json"),
        (b"Hotel Wi-Fi", "text/plain; charset=utf-8"),
    ],
)
def test_page_instead_of_an_archive_is_reported(server, body, content_type, fetch):  # hub#84
    with pytest.raises(DownloadError, match="a page came instead of an archive") as error:
        fetch(server.answer("/m", sends(body, content_type)))
    assert "Hotel Wi-Fi" in str(error.value)
    assert content_type in str(error.value)
    assert HANDLE in str(error.value)


def test_archive_with_the_wrong_content_type_is_accepted(server, fetch):
    assert fetch(server.answer("/m", sends(ARCHIVE, "text/html")))[1] == MODEL


def test_other_bytes_are_not_an_archive(server, fetch):
    with pytest.raises(CorruptArchive, match="not an archive") as error:
        fetch(server.answer("/m", sends(b"\x89PNG\r\n" + bytes(600), "image/png")))
    assert "PNG" in str(error.value)


def test_empty_response_is_reported(server, fetch):
    with pytest.raises(DownloadError, match="the answer is empty"):
        fetch(server.answer("/m", sends(b"")))


@pytest.mark.parametrize("after", [0, 100, 1 << 20, 2_500_000, 3_000_000 - 1])
def test_incomplete_body_is_reported_in_bytes(server, after, fetch):
    url = server.answer("/m", breaks_off(ARCHIVE + bytes(3_000_000 - len(ARCHIVE)), after))
    with pytest.raises(DownloadError, match=f"broke off after {after} of 3000000 bytes"):
        fetch(url)


def test_silent_server_is_an_error_and_does_not_hang(server, monkeypatch, fetch):
    monkeypatch.setenv("REHUB_TIMEOUT", "0.2")
    done = threading.Event()
    url = server.answer("/m", falls_silent(ARCHIVE, 100, done))
    with pytest.raises(DownloadError, match="timed out"):
        fetch(url)
    done.set()


def test_server_that_never_answers_is_an_error_that_names_the_setting(fetch):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with pytest.raises(DownloadError, match=r"did not answer within 0.2 seconds \(REHUB_TIMEOUT"):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/m", timeout=0.2)


def test_missing_server_is_an_error_with_the_reason(fetch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match="refused") as error:
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/m")
    assert HANDLE in str(error.value)


def test_proxies_are_read_from_the_environment(server, monkeypatch, fetch):  # hub#146
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.answer("http://models.invalid/m", sends(ARCHIVE))
    assert fetch("http://models.invalid/m")[1] == MODEL


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, pem = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(request, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    return pem


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_unknown_certificate_is_refused_unless_it_is_given_or_validation_is_disabled(certificate, monkeypatch, fetch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with HostingServer(certificate) as server:
        url = server.answer("/m", sends(ARCHIVE))
        with pytest.raises(DownloadError, match="REQUESTS_CA_BUNDLE"):  # hub#53, hub#120
            fetch(url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert fetch(url)[1] == MODEL
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", "true")
        with pytest.warns(RuntimeWarning, match="not checked"):
            assert fetch(url)[1] == MODEL


def test_server_without_tls_is_an_error_that_names_the_ca_bundle(server, fetch):
    with pytest.raises(DownloadError, match="REQUESTS_CA_BUNDLE"):
        fetch(server.url.replace("http:", "https:") + "/m")


def test_invalid_setting_is_found_before_any_request(server, monkeypatch, fetch):
    monkeypatch.setenv("REHUB_TIMEOUT", "soon")
    with pytest.raises(InvalidSetting):
        fetch(server.answer("/m", sends(ARCHIVE)))
    assert server.requests == []


def test_redirect_from_https_to_http_is_refused(server, certificate, monkeypatch, fetch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with HostingServer(certificate) as secure:
        url = secure.answer("/m", redirects(server.answer("/m", sends(ARCHIVE))))
        with pytest.raises(DownloadError, match="from https to"):
            fetch(url)
    assert server.requests == []


@pytest.mark.parametrize("location", ["ftp://h/m", "gs://bucket/m", "http://[", "http://", "//:x", "data:,m"])
def test_redirect_to_another_scheme_is_refused(server, location, fetch):
    with pytest.raises(DownloadError, match="redirect"):
        fetch(server.answer("/m", redirects(location)))


@pytest.mark.parametrize("status", [302, 303, 404, 500])
def test_body_that_is_not_an_archive_is_not_read(server, status, fetch):
    taken = [0]
    ten_gigabytes = sends_without_end(bytes(1 << 20), 10_000, taken, status=status, Location="/end")
    server.answer("/end", sends(ARCHIVE))
    url = server.answer("/m", ten_gigabytes)
    if status in (302, 303):
        assert fetch(url)[1] == MODEL
    else:
        with pytest.raises(DownloadError):
            fetch(url)
    assert taken[0] < 32 << 20  # What the sockets hold, at most.


def test_login_is_sent_to_its_own_server_only_and_never_printed(server, fetch):
    with HostingServer() as other:
        server.answer("/m", redirects("/here"))
        server.answer("/here", redirects(other.answer("/there", sends(b"no", status=401))))
        url = server.url.replace("//", "//me:hunter2@") + "/m?api_key=hunter3"
        with pytest.raises(DownloadError) as error:
            fetch(url, handle=url)
        assert [request.headers.get("Authorization", "")[:5] for request in server.requests] == ["Basic", "Basic"]
        assert "Authorization" not in other.requests[0].headers
    assert "hunter" not in str(error.value)
    assert "***@127.0.0.1" in str(error.value)
    assert "api_key=***" in str(error.value)


def test_a_redirect_does_not_get_the_login_of_another_server(server, tmp_path, monkeypatch, fetch):
    (tmp_path / "netrc").write_text("machine private.example login ada password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    place = server.answer("/there", sends(ARCHIVE)).replace("//", "//private.example:@")
    assert fetch(server.answer("/m", redirects(place)))[1] == MODEL
    sent = base64.b64decode(server.requests[1].headers["Authorization"].split()[1])
    assert sent == b"private.example:"


def test_origin_is_the_page_of_the_version_and_not_the_signed_url(server, fetch):
    server.answer("/blob", sends(ARCHIVE))
    server.answer("/m/3", redirects("/blob?part=1&X-Goog-Signature=secret"))
    assert fetch(server.answer("/m", redirects("/m/3")))[0] == server.url + "/m/3"
    signed = server.url + "/blob?X-Goog-Signature=secret"
    assert fetch(signed)[0] == server.url + "/blob?X-Goog-Signature=***"


def test_expired_signature_is_replaced_by_a_new_one(server, fetch):  # hub#932
    server.answer("/m", in_turn(redirects("/old"), redirects("/new")))
    server.answer("/old", sends(b"<Code>ExpiredToken</Code>", "application/xml", 403))
    server.answer("/new", sends(ARCHIVE))
    assert fetch(server.url + "/m", retries=1)[1] == MODEL
    assert [request.path for request in server.requests] == ["/m", "/old", "/m", "/new"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_refused_request_is_not_retried(server, status, fetch):
    with pytest.raises(DownloadError) as error:
        fetch(server.answer("/m", sends(b"no", status=status)), retries=3)
    assert error.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_failure_is_retried(server, status, fetch):
    busy = sends(b"busy", status=status, Retry_After="0")
    assert fetch(server.answer("/m", in_turn(busy, busy, sends(ARCHIVE))), retries=2)[1] == MODEL
    assert len(server.requests) == 3


def test_persistent_failure_is_reported_with_the_number_of_attempts(server, fetch):
    url = server.answer("/m", sends(b"busy", status=503, Retry_After="0"))
    with pytest.raises(DownloadError, match=r"503 [\s\S]*busy[\s\S]*Tried 3 times. REHUB_RETRIES is 2") as error:
        fetch(url, retries=2)
    assert type(error.value) is DownloadError
    assert error.value.status == 503
    assert len(server.requests) == 3


def test_retry_after_header_is_obeyed(server, fetch):
    url = server.answer("/m", in_turn(sends(b"", status=429, Retry_After="1"), sends(ARCHIVE)))
    start = time.monotonic()
    fetch(url, retries=1)
    assert time.monotonic() - start >= 1


def test_long_retry_after_is_an_error(server, fetch):
    with pytest.raises(DownloadError, match="try again in 3600 seconds"):
        fetch(server.answer("/m", sends(b"", status=429, Retry_After="3600")), retries=3)
    assert len(server.requests) == 1


BIG = tar_of({"saved_model.pb": os.urandom(4 << 20), "variables/variables.index": b"an index"})


def ranges_asked(server):
    return [request.headers.get("Range") for request in server.requests]


def test_download_is_resumed_where_the_server_broke_off(server, fetch):
    archive = Ranges(ARCHIVE, breaks=[100])
    assert fetch(server.answer("/m", archive), retries=1)[1] == MODEL
    assert ranges_asked(server) == [None, "bytes=100-"]
    assert server.requests[1].headers["If-Range"] == '"v1"'


@pytest.mark.parametrize("resumes", [True, False], ids=["with ranges", "without"])
def test_connection_may_break_at_any_of_50_offsets(server, fetch, resumes):
    offsets = [round(number * (len(ARCHIVE) - 1) / 49) for number in range(50)]
    for offset in offsets:
        answer = Ranges(ARCHIVE, breaks=[offset]) if resumes else in_turn(breaks_off(ARCHIVE, offset), sends(ARCHIVE))
        assert fetch(server.answer("/m", answer), retries=1)[1] == MODEL
    assert len(server.requests) == 100


def test_progress_makes_all_retries_available_again(server, fetch):
    breaks = [1_300_000, 2_600_000, 3_900_000]
    brought = fetch(server.answer("/m", Ranges(BIG, breaks=breaks)), retries=1)[1]
    assert tar_of(brought) == BIG
    assert ranges_asked(server) == [None, *(f"bytes={offset}-" for offset in breaks)]


def test_download_without_progress_ends(server, fetch):
    with pytest.raises(DownloadError, match="broke off after 100"):
        fetch(server.answer("/m", Ranges(ARCHIVE, breaks=[100] * 9)), retries=2)
    assert len(server.requests) == 3


def test_rest_is_requested_by_a_new_redirect(server, fetch):
    server.answer("/old", Ranges(ARCHIVE, breaks=[100]))
    server.answer("/new", Ranges(ARCHIVE))
    server.answer("/m", in_turn(redirects("/old"), redirects("/new")))
    assert fetch(server.url + "/m", retries=1)[1] == MODEL
    assert ranges_asked(server)[-1] == "bytes=100-"


OTHER = archive_of({"saved_model.pb": b"another graph" * 100})


@pytest.mark.parametrize(
    "rest",
    [
        Ranges(OTHER, etag='"v2"'),
        sends(OTHER, ETag='"v1"'),
        sends(OTHER[200:], status=206, ETag='"v1"', Content_Range="bytes 200-999/1000"),
        sends(OTHER[100:], status=206, ETag='"v1"', Content_Range=f"bytes 100-{len(ARCHIVE)}/{len(ARCHIVE) + 1}"),
        sends(OTHER[100:], status=206, ETag='"v2"', Content_Range=f"bytes 100-{len(ARCHIVE) - 1}/{len(ARCHIVE)}"),
        sends(OTHER[100:], status=206, ETag='"v1"'),
    ],
    ids=["another version", "all again", "another part", "another length", "another ETag", "no Content-Range"],
)
def test_response_that_is_not_the_rest_is_not_appended(server, rest, fetch):
    url = server.answer("/m", in_turn(Ranges(ARCHIVE, breaks=[100]), rest, sends(OTHER)))
    assert fetch(url, retries=3)[1] == {"saved_model.pb": b"another graph" * 100}


@pytest.mark.parametrize("headers", [{"etag": 'W/"v1"'}, {"Accept_Ranges": "none"}], ids=["weak ETag", "no ranges"])
def test_download_without_a_strong_etag_starts_again(server, headers, fetch):
    assert fetch(server.answer("/m", Ranges(ARCHIVE, breaks=[100], **headers)), retries=1)[1] == MODEL
    assert ranges_asked(server) == [None, None]


def test_slow_drip_is_an_error_and_does_not_hang(server, fetch):
    start = time.monotonic()
    with pytest.raises(DownloadError, match="less than 1024 bytes a second"):
        fetch(server.answer("/m", drips(ARCHIVE, 0.05)), timeout=0.5)
    assert time.monotonic() - start < 10


def test_slow_error_body_is_reported_without_waiting_for_all_of_it(server, fetch, monkeypatch):
    monkeypatch.setattr("rehub.transfer.http._SECONDS_FOR_ERROR_BODY", 0.5)

    def respond(request):
        sends(b"", status=404, Content_Length="1000")(request)
        for _ in range(1000):
            request.wfile.write(b"x")
            time.sleep(0.05)

    start = time.monotonic()
    with pytest.raises(DownloadError, match="404"):
        fetch(server.answer("/m", respond))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("length", ["10", "0"])
def test_too_small_content_length_is_noticed(server, length, fetch):
    with pytest.raises((CorruptArchive, DownloadError)):
        fetch(server.answer("/m", sends(ARCHIVE, Content_Length=length)))


@pytest.mark.parametrize("length", ["-1", "many", "1e9"])
def test_malformed_content_length_is_ignored(server, length, fetch):
    assert fetch(server.answer("/m", sends(ARCHIVE, Content_Length=length)))[1] == MODEL


def test_chunked_body_is_complete_or_an_error(server, fetch):
    def chunked(body, ends):
        def respond(request):
            request.protocol_version = "HTTP/1.1"
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            for start in range(0, len(body), 1000):
                chunk = body[start : start + 1000]
                request.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            request.wfile.write(b"0\r\n\r\n" if ends else b"")
            request.close_connection = True

        return respond

    assert fetch(server.answer("/whole", chunked(BIG, ends=True)))[1].keys() == {
        "saved_model.pb",
        "variables/variables.index",
    }
    with pytest.raises(DownloadError, match="broke off after"):
        fetch(server.answer("/cut", chunked(BIG[: 1 << 20], ends=False)))


def test_bomb_is_refused_by_its_ratio(server, fetch):
    bomb = gzip.compress(tar_of({"saved_model.pb": bytes(64 << 20)}))
    with pytest.raises(UnsafeArchive, match="over 200 times as much"):
        fetch(server.answer("/m", sends(bomb)), limits=Limits(ratio_from=8 << 20))


SHA256 = hashlib.sha256(ARCHIVE).digest()
SHA512 = hashlib.sha512(ARCHIVE).digest()
MD5 = hashlib.md5(ARCHIVE).digest()
S3 = {"x_amz_request_id": "1"}


def base64_of(digest):
    return base64.b64encode(digest).decode()


def digest_headers(sha256, sha512, md5):
    """Return every header by which servers give a digest of the body."""
    return {
        "Repr-Digest": {"Repr_Digest": f"sha-256=:{base64_of(sha256)}:"},
        "several": {"Repr_Digest": f"unixsum=:AAAA:, sha-512=:{base64_of(sha512)}:;q=1"},
        "Content-Digest": {"Content_Digest": f"sha-512=:{base64_of(sha512)}:"},
        "Digest": {"Digest": f"SHA-256={base64_of(sha256)}"},
        "Content-MD5": {"Content_MD5": base64_of(md5)},
        "Google": {"x_goog_hash": f"crc32c=AAAAAA==,md5={base64_of(md5)}"},
        "S3": {"ETag": f'"{md5.hex()}"', **S3},
        "S3, sha256": {"x_amz_checksum_sha256": base64_of(sha256)},
    }


RIGHT = digest_headers(SHA256, SHA512, MD5)
WRONG = digest_headers(bytes(32), bytes(64), bytes(16))


@pytest.mark.parametrize("way", RIGHT)
def test_digest_of_the_server_is_verified(server, way, fetch):
    assert fetch(server.answer("/m", sends(ARCHIVE, **RIGHT[way])))[1] == MODEL
    with pytest.raises(HashMismatch, match=HANDLE) as error:
        fetch(server.answer("/m", sends(ARCHIVE, **WRONG[way])), retries=3)
    assert "00000000" in str(error.value)
    assert len(server.requests) == 2


def test_crc32c_of_google_is_verified(server, fetch):
    google_crc32c = pytest.importorskip("google_crc32c", reason="google_crc32c is not installed here")
    right = base64_of(google_crc32c.Checksum(ARCHIVE).digest())
    assert fetch(server.answer("/m", sends(ARCHIVE, x_goog_hash=f"crc32c={right}")))[1] == MODEL
    with pytest.raises(HashMismatch, match="crc32c by the server's x-goog-hash: 00000000"):
        fetch(server.answer("/m", sends(ARCHIVE, x_goog_hash="crc32c=AAAAAA==")))


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": f'"{bytes(16).hex()}"'},
        {"ETag": f'"{bytes(32).hex()}"'},
        {"ETag": f'"{bytes(16).hex()}-3"', **S3},
        {"ETag": f'"{bytes(16).hex()}"', "x_amz_server_side_encryption": "aws:kms", **S3},
        {**WRONG["Google"], "x_goog_stored_content_encoding": "gzip"},
        {"Digest": "sha-256=nonsense"},
        {"Digest": "id-sha-256=" + base64_of(bytes(32))},
        {"Repr_Digest": "sha-256=:AAAA:"},
    ],
)
def test_headers_that_are_not_digests_of_the_body_are_ignored(server, headers, fetch):
    assert fetch(server.answer("/m", sends(ARCHIVE, **headers)))[1] == MODEL


def test_digests_of_the_user_and_of_the_server_are_verified(server, fetch):
    url = server.answer("/m", sends(ARCHIVE, **RIGHT["Digest"]))
    assert fetch(url, sha256=SHA256.hex())[1] == MODEL
    with pytest.raises(HashMismatch, match="the handle's #sha256="):
        fetch(url, sha256=SHA512.hex()[:64])


def test_digest_covers_a_resumed_download(server, fetch):
    answer = Ranges(ARCHIVE, breaks=[100], **RIGHT["Repr-Digest"])
    assert fetch(server.answer("/m", answer), retries=1, sha256=SHA256.hex())[1] == MODEL


def test_retry_is_logged_without_the_login(server, fetch, caplog):
    caplog.set_level("INFO", logger="rehub")
    server.answer("/m", in_turn(breaks_off(ARCHIVE, 50), sends(ARCHIVE)))
    url = server.url.replace("//", "//me:hunter2@") + "/m"
    fetch(url, handle=url, retries=1)
    assert "broke off after 50" in caplog.text
    assert "hunter2" not in caplog.text
