"""Passwords and signatures stay out of what people read."""

from __future__ import annotations

import pytest

import rehub as hub
from rehub.redaction import without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.com/m?version=2#top", "https://example.com/m?version=2#top"),
        ("https://me:pw@example.com/m", "https://***@example.com/m"),
        ("https://token@example.com/m", "https://***@example.com/m"),
        ("https://example.com/@me/m", "https://example.com/@me/m"),
        (
            "https://h/m?a=1&X-Goog-Signature=s&X-Goog-Expires=9",
            "https://h/m?a=1&X-Goog-Signature=***&X-Goog-Expires=9",
        ),
        (
            "https://h/m?X-Amz-Credential=c&X-Amz-Security-Token=t",
            "https://h/m?X-Amz-Credential=***&X-Amz-Security-Token=***",
        ),
        ("https://h/m?sv=1&sig=a%2Fb", "https://h/m?sv=1&sig=***"),
        ("https://h/m?access_token=a&api_key=b&password=c", "https://h/m?access_token=***&api_key=***&password=***"),
        ("https://h/m?signals=3&design=1", "https://h/m?signals=3&design=1"),
        ("'https://a:b@h/m' and 'https://h/n?token=t'.", "'https://***@h/m' and 'https://h/n?token=***'."),
        ("/models/a@b?token=", "/models/a@b?token=***"),
    ],
)
def test_secrets_are_replaced_and_nothing_else(text, shown):
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "handle",
    [
        "https://me:hush@127.0.0.1:9/models/digits/1",
        "https://127.0.0.1:9/models/digits.tar.gz?token=hush",
        "https://127.0.0.1:9/digits?X-Goog-Signature=hush#sha256=0",
        "https://me:hush@www.kaggle.com/models/a/b",
        "hf://me:hush@a",
        "s3://me:hush@bucket/model?version=",
        "ftp2://me:hush@host/model",
        "https://me:hush@tfhub.dev/a/model.tflite",
    ],
)
def test_no_error_about_a_handle_tells_its_secrets(handle, monkeypatch):
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    monkeypatch.delenv("TFHUB_CACHE_DIR")
    monkeypatch.setenv("REHUB_CACHE_DIR", "memory://me:hush@models")
    with pytest.raises(hub.HubError) as caught:
        hub.resolve(handle)
    assert "hush" not in str(caught.value) + repr(caught.value)


def test_an_error_keeps_what_it_was_made_of_apart_from_secrets():
    error = hub.errors.ModelNotFound("at 'https://me:hush@h/m'")
    assert str(error) == "at 'https://***@h/m'" and error.args == (str(error),)
    assert str(hub.errors.TagsNotFound("https://h/m?sig=hush")) == "https://h/m?sig=***"
