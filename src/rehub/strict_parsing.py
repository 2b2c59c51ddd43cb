"""Numbers, moments and documents that others have written: read within bounds, or not at all.

`int` takes digits of every script and takes time that grows with their square, `float` makes infinity of 1e999, dates
overflow, and a JSON document may be deeper than the interpreter's stack. Each function here gives None, or one
`Malformed`, for whatever is not plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from datetime import datetime

# No file, count or offset is larger: what a signed integer of 64 bits takes.
LARGEST = 2**63 - 1
_MOST_DIGITS = 19


class Malformed(ValueError):
    """A document of others is not what it should be; it never reaches a user as it is."""


def parse_count(text: str | None, most: int = LARGEST) -> int | None:
    """The number that a text of ASCII digits writes; None for any other text, and for more than `most`.

    >>> parse_count(" 12 "), parse_count("²"), parse_count("-1"), parse_count("9" * 5000), parse_count(None)
    (12, None, None, None, None)
    """
    if text is None:
        return None
    digits = text.strip(" \t")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        return None
    number = int(digits)
    return None if number > most else number


def parse_http_date(text: str | None) -> datetime | None:
    """The moment that a header of HTTP names, in UTC; None for what names none."""
    if text is None or len(text) > 100 or not text.isascii():
        return None
    from email.utils import parsedate_to_datetime  # Only downloads need it, and it takes milliseconds to import.

    try:
        return _in_utc(parsedate_to_datetime(text))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def parse_iso_date(text: str, *, local: bool = False) -> datetime | None:
    """The moment that a text of ISO 8601 names, in UTC; None for what names none.

    Args:
        text: what somebody has written.
        local: whether one without a zone is this machine's time, rather than UTC's.
    """
    from datetime import datetime, timezone

    try:
        moment = datetime.fromisoformat(text[:100])
        return moment.astimezone(timezone.utc) if local else _in_utc(moment)
    except (ValueError, OverflowError, OSError):  # The last of Windows, for local times before 1970.
        return None


def parse_timestamp(timestamp: float) -> datetime | None:
    """The moment of a file's time, in UTC; None outside of the years that have four digits."""
    from datetime import datetime, timedelta, timezone

    try:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=timestamp)
    except (ValueError, OverflowError):
        return None


def parse_json(content: bytes) -> Any:
    """The value of a JSON document.

    Raises:
        Malformed: it is none, too deep, or holds a number that no count and no size is.
    """
    import json  # Most programs that import this module read no document.

    try:
        return json.loads(
            content.decode("utf-8"), parse_int=_whole_number, parse_float=_fraction, parse_constant=_refuse_constant
        )
    except Malformed:
        raise
    except RecursionError:
        raise Malformed("it is nested too deep") from None
    except ValueError as error:
        raise Malformed(f"it is not JSON ({str(error)[:100]})") from None


def get_field(value: Any, key: str, kind: type) -> Any:
    """The member of a JSON object, which must have exactly this type.

    Raises:
        Malformed: it is missing, or of another type.
    """
    if type(value) is not dict or key not in value:
        raise Malformed(f"it has no {key!r}")
    found = value[key]
    if type(found) is not kind:  # True is an int to isinstance.
        raise Malformed(f"its {key!r} is of type {type(found).__name__} and must be of type {kind.__name__}")
    return found


def _in_utc(moment: datetime) -> datetime:
    from datetime import timezone

    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def _whole_number(text: str) -> int:
    number = parse_count(text.lstrip("-"))
    if number is None:
        raise Malformed("it holds a number of more digits than any count has")
    return -number if text.startswith("-") else number


def _fraction(text: str) -> float:
    if len(text) > 40 or float(text) in (float("inf"), float("-inf")):
        raise Malformed("it holds a number that is beyond all bounds")
    return float(text)


def _refuse_constant(text: str) -> NoReturn:
    raise Malformed(f"it holds {text}, which is no number of JSON")
