"""Passwords and signatures stay out of messages, tracebacks, logs, listings and files."""

from __future__ import annotations

import io
import json
import logging
import socket
import traceback

import pytest
from hosting import MODEL, HostingServer, archive_of, redirects, sends

import rehub as hub
from rehub.cli import main
from rehub.redaction import redact_secrets_of, redact_text, redact_url

SECRET = "hush hush"  # Each quoted form of it in a URL has "hush" in it.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.com/m?version=2", "https://example.com/m?version=2"),
        ("https://me:pw@example.com/m", "https://***@example.com/m"),
        ("https://token@example.com/m", "https://***@example.com/m"),
        ("https://example.com/@me/m", "https://example.com/@me/m"),
        (
            "https://h/m?a=1&X-Goog-Signature=s&X-Goog-Expires=9",
            "https://h/m?a=***&X-Goog-Signature=***&X-Goog-Expires=9",
        ),
        (
            "https://h/m?X-Amz-Credential=c&X-Amz-Security-Token=t",
            "https://h/m?X-Amz-Credential=***&X-Amz-Security-Token=***",
        ),
        ("https://h/m?sv=1&sig=a%2Fb", "https://h/m?sv=***&sig=***"),
        ("https://h/m?access_token=a&api_key=b&password=c", "https://h/m?access_token=***&api_key=***&password=***"),
        ("'https://a:b@h/m' and 'https://h/n?token=t'.", "'https://***@h/m' and 'https://h/n?token=***'."),
        ("/models/a@b?token=", "/models/a@b?token=***"),
        ("it has 3 of 4 files: a, b (c)?", "it has 3 of 4 files: a, b (c)?"),
    ],
)
def test_only_secrets_in_a_text_are_masked(text, shown):
    assert redact_text(text) == shown
    assert redact_text(shown) == shown


KEYS = (
    "key auth authorization pwd passwd pass client_secret secret_key access_key x-api-key subscription-key jwt sas "
    "code session hdnts token sig %74oken whatever a"
).split()
PLACES = [
    *(f"https://h/m?{key}=hush" for key in KEYS),
    *(f"https://h/m?version=2&{key.upper()}=hush&format=tar" for key in KEYS),
    "https://h/m?version=hush%20hush",
    "https://h/m?version=1;token=hush",
    "https://h/m?hush",
    "https://h/m?a&hush",
    "https://h/m#hush",
    "https://h/m#access_token=hush",
    "https://h/m;jsessionid=hush/n",
    "https://h?token=hush",
    "https://me:hush@h/m",
    "https://hush@h/m",
    "https://:hush@h/m",
    'https://me:it\'s "hush"@h/m',
    "https://me:hu\\hush@h/m",
    "https://me:hush hush@h/m",
    "https://me:hush/hush@h/m",
    "https://me:hush?hush@h/m",
    "https://me:hush#hush@h/m",
    "https://me:hush@hush@h/m",
    "https://hush#hush@h/m",
    "https://hush?hush@h/m",
    "https://me:hush::hush@h/m",
    "https://me:%68ush%2Fhush@h/m",
    "https://me:hush/m",
    "HTTPS://me:hush@h/m",
    "s3://me:hush@bucket/m",
    "gs://me:hush@bucket/m",
    "zip://member::https://me:hush@h/m.zip?sig=hush",
    "filecache::https://me:hush@h/m",
    "me:hush@h/m",
    "me:hush@hush@h/m",
    "me:hush/hush@h/m",
    "//me:hush@h/m",
    "tfhub.dev/m?token=hush",
]


@pytest.mark.parametrize("url", PLACES)
def test_secret_is_masked_in_every_part_of_a_url(url):
    shown = redact_url(url)
    assert "hush" not in shown and "***" in shown
    assert redact_url(shown) == shown
    assert "hush" not in redact_secrets_of(url, f"GET {url} failed")


@pytest.mark.parametrize("url", [url for url in PLACES if not url.startswith(("//", "tfhub.dev", "me:"))])
def test_errors_tracebacks_and_logs_hold_no_secrets_of_a_handle(url, monkeypatch, caplog):
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(hub.HubError) as caught:
        hub.resolve(url)
    assert "hush" not in told_by(caught.value) + caplog.text


@pytest.mark.parametrize(
    "handle",
    [
        "https://127.0.0.1:9/digits?X-Goog-Signature=hush#sha256=0",
        "https://me:hush@www.kaggle.com/models/a/b",
        "hf://me:hush@a",
        "ftp2://me:hush@host/model",
        "https://me:hush@tfhub.dev/a/model.tflite",
    ],
)
def test_errors_about_a_cache_hold_no_secrets(handle, monkeypatch):
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    monkeypatch.setenv("REHUB_CACHE_DIR", "memory://me:hush@models")
    with pytest.raises(hub.HubError) as caught:
        hub.resolve(handle)
    assert "hush" not in told_by(caught.value)


def told_by(error):
    """Return everything that a traceback, or a tool that prints one, shows of an error and its causes."""
    output = io.StringIO()
    seen = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        traceback.print_exception(type(each), each, None, file=output)
        print(repr(each), str(each), each.args, vars(each), file=output)
        waiting += [each.__cause__, each.__context__]
    return output.getvalue()


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def hangs_up(request):
    request.connection.shutdown(socket.SHUT_RDWR)


RESPONDERS = {
    "hangs up": hangs_up,
    "says no": sends(b"no", "text/plain", 403),
    "sends a page": sends(b"<html>", "text/html"),
    "breaks off": sends(b"\x1f\x8b", Content_Length="100"),
    "redirects to nowhere": redirects("https://127.0.0.1:1/x?token=hush2hush"),
    "redirects to a file": redirects("file:///x?token=hush"),
    "redirects to no URL": redirects("http://[h?token=hush"),
    "redirects with a login": redirects("http://me:hush@127.0.0.1:1/x"),
    "sends bytes that are not an archive": sends(b"\x00\x01\x02" * 1000),
}


@pytest.mark.parametrize("responder", RESPONDERS.values(), ids=RESPONDERS)
def test_failed_downloads_print_no_secrets(responder, monkeypatch, caplog):
    monkeypatch.setenv("REHUB_RETRIES", "0")
    caplog.set_level(logging.DEBUG, "rehub")
    with HostingServer() as server:
        server.answer("/m", responder)
        for url in (f"{server.url}/m?whatever=hush", f"{server.url}/m?hush".replace("//", "//me:hush@")):
            with pytest.raises(hub.HubError) as caught:
                hub.resolve(url)
            assert "hush" not in told_by(caught.value) + caplog.text


def test_failed_connections_print_no_secrets(monkeypatch):
    monkeypatch.setenv("REHUB_RETRIES", "0")
    for url in (
        f"http://me:hush@127.0.0.1:{closed_port()}/m?token=hush",
        "https://hush:hush@name.invalid/m?key=hush",
        "http://me:hush@127.0.0.1:9/m?hush\u20ac",
    ):
        with pytest.raises(hub.HubError) as caught:
            hub.resolve(url)
        assert "hush" not in told_by(caught.value)


@pytest.mark.parametrize("query", ["token=hush", "hush", "version=1&x-api-key=hush"])
def test_cache_holds_no_secrets_and_is_found_by_the_full_handle(query, cache_dir, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with HostingServer() as server:
        server.answer("/m", sends(archive_of(MODEL)))
        handle = f"{server.url}/m?{query}".replace("//", "//me:hush@")
        other = handle.replace("=hush", "=hush2").replace("?hush", "?hush2")
        directory = hub.resolve(handle)
        assert hub.resolve(handle) == directory != hub.resolve(other)
        assert len(server.requests) == 2
    for path in cache_dir.iterdir():
        assert path.is_dir() or b"hush" not in path.read_bytes()
    for words in (["ls"], ["ls", "--json"], ["show", handle], ["show", handle, "--json"], ["verify"], ["rm", handle]):
        assert main(["cache", *words]) == 0
    assert main(["cache", "ls", "--json"]) == 0
    captured = capsys.readouterr()
    assert "hush" not in captured.out + captured.err + caplog.text
    assert "***" in captured.out
    (left,) = json.loads(captured.out[captured.out.rindex("\n[") :])
    assert main(["cache", "rm", left["handle"]]) == 0  # A handle as it is listed names the model, too.


def test_old_manifest_with_a_secret_is_printed_without_it(cache_dir, capsys):
    with HostingServer() as server:
        hub.resolve(server.publish("/m", archive_of(MODEL)))
    (manifest,) = cache_dir.glob("*.manifest.json")
    stored = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**stored, "handle": "https://h/m?token=hush", "url": "https://me:hush@h/m"}))
    main(["cache", "ls"])
    main(["cache", "show", manifest.name[:40]])
    assert "hush" not in capsys.readouterr().out


def test_error_keeps_its_arguments_without_secrets():
    error = hub.errors.ModelNotFound("at 'https://me:hush@h/m'")
    assert str(error) == "at 'https://***@h/m'" and error.args == (str(error),)
    assert str(hub.errors.TagsNotFound("https://h/m?sig=hush")) == "https://h/m?sig=***"
