"""Untrusted numbers, dates and JSON."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from rehub.strict_parsing import Malformed, parse_count, parse_http_date, parse_iso_date, parse_json, parse_timestamp


@pytest.mark.parametrize("text", ["²", "١٢", "9" * 5000, "-1", "+1", "1.0", "1e3", "", "0x1", "1_0", "\u20031", None])
def test_malformed_number_is_none(text):
    assert parse_count(text) is None


def test_number_is_parsed_within_bounds():
    assert (parse_count("0012"), parse_count("9", limit=8), parse_count(str(2**63))) == (12, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "soon", "", None, "9" * 5000, "Wed, 21 Oct 99999 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 +9999999999",
        "Fri, 31 Dec 9999 23:59:59 -2359", "Wed, 21 Oct 2015 07:28:00 +\u00b2\u00b2",
    ],
)  # fmt: skip
def test_malformed_http_date_is_none(text):
    assert parse_http_date(text) is None


def test_dates_are_in_utc():
    assert parse_http_date("Wed, 21 Oct 2015 09:28:00 +0200") == datetime(2015, 10, 21, 7, 28, tzinfo=timezone.utc)
    assert parse_iso_date("2026-01-02T03:04:05+02:00") == datetime(2026, 1, 2, 1, 4, 5, tzinfo=timezone.utc)
    assert parse_iso_date("2026-01-02") == datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert parse_iso_date("0001-01-01T00:00:00+23:59") is parse_iso_date("9999-99-99") is None
    assert parse_iso_date("0001-01-01", local=True) in (None, parse_iso_date("0001-01-01"))
    assert parse_timestamp(1e18) is parse_timestamp(-1e18) is parse_timestamp(float("nan")) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[1e999]", b"[-1e999]", b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[" + b"9" * 5000 + b"]",
     b"[" * 100_000, b'{"a":' * 100_000, b"[1." + b"0" * 5000 + b"]"],
)  # fmt: skip
def test_strange_json_is_malformed(content):
    with pytest.raises(Malformed):
        parse_json(content)


def test_plain_json_is_parsed():
    assert parse_json(b'{"a": [1, -2, 0.5, true, null, "\\ud800"]}') == {"a": [1, -2, 0.5, True, None, "\ud800"]}
