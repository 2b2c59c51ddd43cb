"""Untrusted texts in messages."""

from __future__ import annotations

import pytest

import rehub as hub
from rehub.escaping import escape, escape_url, quote

STEERING = "a\nb\rc\td\x00\x1b[2J\x1b[1m\x9b\x7f\u202e\u2066\u200f\u2028\u2029\u0085\ud800\udcff\ufeff"


@pytest.mark.parametrize("shown", [escape(STEERING), quote(STEERING), escape_url(f"https://h/{STEERING}")])
def test_control_characters_are_escaped(shown):
    assert shown.isprintable()


@pytest.mark.parametrize("function", [escape, quote, escape_url])
def test_long_text_is_truncated_with_its_length(function):
    assert len(function("x" * 100_000)) < 1000
    assert "100,000 characters" in function("x" * 100_000)
    assert len(function("\ud800" * 100_000)) < 10_000


def test_plain_text_is_unchanged():
    for text in ("größe", "模型", "it's 3 < 4", ""):
        assert escape(text) == text


def test_error_keeps_its_lines_without_control_characters():
    error = hub.HubError("one\ntwo \x1b[2J\u202e")
    assert str(error) == "one\ntwo \\x1b[2J\\u202e"
    assert len(str(hub.HubError("x" * 10**6))) < 30_000


def test_bold_style_of_errors_in_keras_is_removed():
    assert str(hub.HubError("\x1b[1mno such\x1b[0m model")) == "no such model"
