"""Sizes in bytes as people write and read them."""

from __future__ import annotations


def readable(count: int) -> str:
    """A size in three digits or so.

    >>> [readable(count) for count in (0, 999, 1000, 2_500_000, 10**9 - 1, 3 * 10**12)]
    ['0 bytes', '999 bytes', '1.0 kB', '2.5 MB', '1.0 GB', '3.0 TB']
    """
    if count < 1000:
        return f"{count} bytes"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"
