"""Sizes, numbers, times, lists, shapes and tensors as text for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Iterable, Sequence

from rehub.escaping import escape

if TYPE_CHECKING:
    from datetime import datetime


def format_size(size: int) -> str:
    """Return a number of bytes in about three digits.

    >>> [format_size(size) for size in (0, 999, 1000, 2_500_000, 10**9 - 1, 3 * 10**12)]
    ['0 bytes', '999 bytes', '1.0 kB', '2.5 MB', '1.0 GB', '3.0 TB']
    """
    if size < 1000:
        return f"{size} bytes"
    scaled = float(size)
    for unit in ("kB", "MB", "GB"):
        scaled /= 1000
        if scaled < 999.95:
            return f"{scaled:.1f} {unit}"
    return f"{scaled / 1000:.1f} TB"


_SIZE = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*([kmgt]?i?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_size(text: str) -> int:
    """Return the number of bytes that a person wrote; raise `ValueError` for any other text.

    >>> parse_size("20GB"), parse_size("1.5 GiB"), parse_size("0")
    (20000000000, 1610612736, 0)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match.group(2).lower() not in _UNITS:
        raise ValueError(f"{escape(text)!r} is not a size such as 20GB, 500 MB, 1.5GiB or 0")
    return int(float(match.group(1)) * _UNITS[match.group(2).lower()])


def format_count(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    >>> format_count(1, "model"), format_count(1200, "model"), format_count(2, "loss", "losses")
    ('1 model', '1,200 models', '2 losses')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def format_time(moment: datetime) -> str:
    """Return a time in UTC as ISO 8601, to the second."""
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"  # strftime writes the year 1 as 1.


def list_names(names: Iterable[object], limit: int | None = None) -> str:
    r"""Return names from a model or a server, escaped and joined by commas; after `limit` of them, only their number.

    >>> list_names(["default", "a\nb"])
    'default, a\\nb'
    >>> list_names("abcde", limit=3)
    'a, b, c, and 2 more'
    """
    listed = list(names)
    shown = listed if limit is None else listed[:limit]
    more = [f"and {len(listed) - len(shown):,} more"] if len(listed) > len(shown) else []
    return ", ".join([*map(escape, shown), *more])


def format_shape(shape: Any) -> str:
    """Return a shape, given as a sequence or a `tf.TensorShape`; None is an unknown rank or size.

    >>> format_shape((None, 224, 224, 3)), format_shape(()), format_shape(None)
    ('[?, 224, 224, 3]', '[]', '[...]')
    """
    if shape is None or getattr(shape, "rank", 0) is None:
        return "[...]"
    sizes: Sequence[int | None] = shape.as_list() if hasattr(shape, "as_list") else shape
    return f"[{', '.join('?' if size is None else str(size) for size in sizes)}]"


def format_tensor(dtype: str, shape: Any, kind: str = "dense", name: str = "") -> str:
    """Return a tensor's name, kind, dtype and shape.

    >>> format_tensor("float32", (None, 3)), format_tensor("int64", None, kind="sparse", name="ids")
    ('float32[?, 3]', 'ids: sparse int64[...]')
    """
    named = f"{name}: " if name else ""
    return f"{named}{'' if kind == 'dense' else kind + ' '}{dtype}{format_shape(shape)}"


def did_you_mean(word: str, known: Iterable[str], template: str = "{!r}") -> str:
    """Return " Did you mean 'pull'?" if a known word is similar to `word`, else "".

    >>> did_you_mean("laod", ["load", "resolve"])
    " Did you mean 'load'?"
    >>> did_you_mean("fetch", ["load", "resolve"])
    ''

    Args:
        template: how to write the known word.
    """
    import difflib  # It is slow to import, and needed only after a mistake.

    by_lower = {each.lower(): each for each in sorted(set(known), reverse=True)}
    similar = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return f" Did you mean {template.format(by_lower[similar[0]])}?" if similar else ""
