"""Passwords and signatures stay out of what people read."""

from __future__ import annotations

import pytest

from rehub.transfer import without_secrets


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
