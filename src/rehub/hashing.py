"""The sha256 of a file."""

from __future__ import annotations

import hashlib
from typing import IO, Any

_CHUNK = 1 << 20


def hash_file(file: IO[bytes]) -> Any:
    """Read a file to its end; return the sha256 of what was read, with hashlib's `digest` and `hexdigest`.

    >>> import io
    >>> hash_file(io.BytesIO(b"model")).hexdigest()[:8]
    '9372c470'
    """
    found = hashlib.sha256()
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        found.update(chunk)
    return found
