"""What a server can answer, and what the user is told."""

from __future__ import annotations

import gzip
import shutil
import socket
import subprocess
import threading

import pytest
from hosting import MODEL, HostingServer, archive_of, breaks_off, falls_silent, redirects, sends

from rehub.errors import CorruptArchive, DownloadError, InvalidSetting
from rehub.transfer import open_url
from rehub.version import __version__

ARCHIVE = archive_of(MODEL)
HANDLE = "the handle"


def fetch(url, **options):
    with open_url(url, handle=HANDLE, **options) as body:
        return body.url, body.stream.read()


def test_an_archive_comes_as_it_lies_on_the_server(server):
    url = server.answer("/m", sends(ARCHIVE))
    assert fetch(url) == (url, ARCHIVE)
    headers = server.requests[0].headers
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"] == f"rehub/{__version__}"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_content_encoding_is_not_undone_on_the_way(server, encoding):
    # Servers say this of a .tar.gz that they have on the disk, and mean the file itself.
    url = server.answer("/m.tar.gz", sends(ARCHIVE, "application/x-tar", Content_Encoding=encoding))
    assert fetch(url)[1] == ARCHIVE
    twice = gzip.compress(ARCHIVE)
    assert fetch(server.answer("/twice", sends(twice, Content_Encoding=encoding)))[1] == twice


def test_redirects_are_followed_to_the_end(server):
    end = server.answer("/end?a=b%2Fc", sends(ARCHIVE))
    server.answer("/end", sends(ARCHIVE))
    server.answer("/middle", redirects(end))
    assert fetch(server.answer("/start", redirects("/middle"))) == (end, ARCHIVE)
    assert server.requests[-1].query == "a=b%2Fc"


def test_a_redirect_to_a_file_is_refused_with_the_hops(server, tmp_path):
    (tmp_path / "secret").write_bytes(ARCHIVE)
    url = server.answer("/m", redirects((tmp_path / "secret").as_uri()))
    with pytest.raises(DownloadError, match=r"http and https only") as error:
        fetch(url)
    assert f"302 Found from {url}" in str(error.value)
    assert (tmp_path / "secret").as_uri() in str(error.value)


def test_endless_redirects_end(server):
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
        (418, "comes with 200"),
        (204, "comes with 200"),
    ],
)
def test_a_status_other_than_200_is_told_with_what_the_server_says(server, status, hint):
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
def test_a_page_instead_of_an_archive_is_named_as_such(server, body, content_type):  # hub#84
    with pytest.raises(DownloadError, match="a page came instead of an archive") as error:
        fetch(server.answer("/m", sends(body, content_type)))
    assert "Hotel Wi-Fi" in str(error.value)
    assert content_type in str(error.value)
    assert HANDLE in str(error.value)


def test_an_archive_with_the_wrong_content_type_is_an_archive(server):
    assert fetch(server.answer("/m", sends(ARCHIVE, "text/html")))[1] == ARCHIVE


def test_other_bytes_are_no_archive(server):
    with pytest.raises(CorruptArchive, match="no archive") as error:
        fetch(server.answer("/m", sends(b"\x89PNG\r\n" + bytes(600), "image/png")))
    assert "PNG" in str(error.value)


def test_an_empty_answer_is_named_as_such(server):
    with pytest.raises(DownloadError, match="the answer is empty"):
        fetch(server.answer("/m", sends(b"")))


@pytest.mark.parametrize("after", [0, 100, 1 << 20, 2_500_000, 3_000_000 - 1])
def test_a_body_that_ends_early_is_told_in_bytes(server, after):
    url = server.answer("/m", breaks_off(ARCHIVE + bytes(3_000_000 - len(ARCHIVE)), after))
    with pytest.raises(DownloadError, match=f"broke off after {after} bytes of the 3000000"):
        fetch(url)


def test_a_server_that_falls_silent_is_an_error_not_a_hang(server, monkeypatch):
    monkeypatch.setenv("REHUB_TIMEOUT", "0.2")
    done = threading.Event()
    url = server.answer("/m", falls_silent(ARCHIVE, 100, done))
    with pytest.raises(DownloadError, match="timed out"):
        fetch(url)
    done.set()


def test_a_server_that_never_answers_is_an_error_that_names_the_setting():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with pytest.raises(DownloadError, match=r"did not answer within 0.2 seconds \(REHUB_TIMEOUT"):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/m", timeout=0.2)


def test_no_server_is_an_error_with_the_reason():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match="refused") as error:
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/m")
    assert HANDLE in str(error.value)


def test_proxies_are_those_of_the_environment(server, monkeypatch):  # hub#146
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.answer("http://models.invalid/m", sends(ARCHIVE))
    assert fetch("http://models.invalid/m")[1] == ARCHIVE


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody has signed."""
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
def test_an_unknown_certificate_is_refused_unless_it_is_given_or_the_check_disabled(certificate, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with HostingServer(certificate) as server:
        url = server.answer("/m", sends(ARCHIVE))
        with pytest.raises(DownloadError, match="REQUESTS_CA_BUNDLE"):  # hub#53, hub#120
            fetch(url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert fetch(url)[1] == ARCHIVE
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        monkeypatch.setenv("TFHUB_DISABLE_CERT_VALIDATION", "true")
        with pytest.warns(RuntimeWarning, match="not checked"):
            assert fetch(url)[1] == ARCHIVE


def test_what_speaks_no_tls_is_an_error_that_names_the_ca_bundle(server):
    with pytest.raises(DownloadError, match="REQUESTS_CA_BUNDLE"):
        fetch(server.url.replace("http:", "https:") + "/m")


def test_an_impossible_setting_is_found_before_anything_is_asked(server, monkeypatch):
    monkeypatch.setenv("REHUB_TIMEOUT", "soon")
    with pytest.raises(InvalidSetting):
        fetch(server.answer("/m", sends(ARCHIVE)))
    assert server.requests == []
