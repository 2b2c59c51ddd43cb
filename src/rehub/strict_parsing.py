"""Parse numbers, dates and JSON from untrusted sources within bounds.

`int` accepts the digits of every script and takes quadratic time, `float` makes infinity of 1e999, dates overflow, and
a JSON document may be deeper than the interpreter's stack. The functions here return None, or raise `Malformed`, for
every such text.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from datetime import datetime

# No file, count or offset is larger than a signed integer of 64 bits.
MAX_COUNT = 2**63 - 1
_MAX_DIGITS = 19


class Malformed(ValueError):
    """A document does not have the expected form; never reaches a user."""


def parse_count(text: str | None, limit: int = MAX_COUNT) -> int | None:
    """Return the number that a text of ASCII digits stands for; None for any other text, and above `limit`.

    >>> parse_count(" 12 "), parse_count("²"), parse_count("-1"), parse_count("9" * 5000), parse_count(None)
    (12, None, None, None, None)
    """
    if text is None:
        return None
    digits = text.strip(" \t")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        return None
    number = int(digits)
    return None if number > limit else number


def parse_http_date(text: str | None) -> datetime | None:
    """Return the time of an HTTP header in UTC; None if it is malformed."""
    if text is None or len(text) > 100 or not text.isascii():
        return None
    from email.utils import parsedate_to_datetime  # It takes milliseconds to import, and only downloads need it.

    try:
        return _in_utc(parsedate_to_datetime(text))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def parse_iso_date(text: str, *, local: bool = False) -> datetime | None:
    """Return the time of an ISO 8601 text in UTC; None if it is malformed.

    Args:
        local: whether a text without a zone is in this machine's zone instead of UTC.
    """
    from datetime import datetime, timezone

    try:
        moment = datetime.fromisoformat(text[:100])
        return moment.astimezone(timezone.utc) if local else _in_utc(moment)
    except (ValueError, OverflowError, OSError):  # Windows raises the last one for local times before 1970.
        return None


def parse_timestamp(timestamp: float) -> datetime | None:
    """Return the time of a file's timestamp in UTC; None outside of the years 1 to 9999."""
    from datetime import datetime, timedelta, timezone

    try:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=timestamp)
    except (ValueError, OverflowError):
        return None


def parse_json(content: bytes) -> Any:
    """Parse a JSON document.

    Raises:
        Malformed: it is not JSON, is nested too deep, or holds a number that is too large for a count or size.
    """
    import json  # Most programs that import this module read no JSON.

    try:
        return json.loads(
            content.decode("utf-8"), parse_int=_parse_integer, parse_float=_parse_float, parse_constant=_refuse_constant
        )
    except Malformed:
        raise
    except RecursionError:
        raise Malformed("it is nested too deep") from None
    except ValueError as error:
        raise Malformed(f"it is not JSON ({str(error)[:100]})") from None


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML document.

    >>> parse_toml('name = "ci"')
    {'name': 'ci'}

    Raises:
        ValueError: it is not TOML; says where.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise Malformed("it is nested too deep") from None


def get_field(value: Any, key: str, kind: type) -> Any:
    """Return a field of a JSON object, which must have exactly this type.

    Raises:
        Malformed: it is missing, or has another type.
    """
    if type(value) is not dict or key not in value:
        raise Malformed(f"it has no {key!r}")
    found = value[key]
    if type(found) is not kind:  # isinstance(True, int) is true.
        raise Malformed(f"its {key!r} is of type {type(found).__name__} and must be of type {kind.__name__}")
    return found


def _in_utc(moment: datetime) -> datetime:
    from datetime import timezone

    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def _parse_integer(text: str) -> int:
    number = parse_count(text.lstrip("-"))
    if number is None:
        raise Malformed("it holds a number with too many digits")
    return -number if text.startswith("-") else number


def _parse_float(text: str) -> float:
    if len(text) > 40 or float(text) in (float("inf"), float("-inf")):
        raise Malformed("it holds a number that is too large")
    return float(text)


def _refuse_constant(text: str) -> NoReturn:
    raise Malformed(f"it holds {text}, which is not a number in JSON")
