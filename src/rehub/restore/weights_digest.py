"""A digest of weights that takes hardly longer than to read them from memory.

It tells weights that have changed, or are those of another model, from those that were written. It is not made to
withstand somebody who writes weights to fit a digest; who could do that could write the digest as well, so that files
of other users are not looked at in the first place.
"""

from __future__ import annotations

import hashlib
import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# A share is a table of numbers of 64 bits, of whose columns the sums are taken. A row has place in a processor's first
# cache. Its length is a prime: no two weights of a model that are alike in shape lie a number of rows apart.
_COLUMNS, _ROWS = 4093, 2048
_ROW = _COLUMNS * 8
_SHARE = _ROWS * _ROW  # What one thread goes through at a time: 67 MB.


def weights_digest(content: mmap.mmap | bytes) -> str:
    """Returns the digest of the bytes of weights.

    Sums modulo 2**64 go into a SHA-256, of numbers that lie far apart from each other. To sum takes as long as to read;
    a SHA-256 of all would take several times what loading takes otherwise.
    """
    digest = hashlib.sha256(f"{len(content)} bytes\n".encode())
    starts = range(0, len(content), _SHARE)
    if len(starts) > 1:
        with ThreadPoolExecutor(2) as readers:
            sums = list(readers.map(lambda start: _sums(content, start), starts))
    else:
        sums = [_sums(content, start) for start in starts]
    for each in sums:
        digest.update(each)
    return digest.hexdigest()


def _sums(content: Any, start: int) -> bytes:
    """Returns the digest of one share: of the sums of its columns, and of what does not fill a row."""
    import numpy as np

    end = min(start + _SHARE, len(content))
    rows = (end - start) // _ROW
    found = hashlib.sha256()
    if rows:
        table = np.frombuffer(content, np.uint64, rows * _COLUMNS, start).reshape(rows, _COLUMNS)
        found.update(np.add.reduce(table, axis=0).tobytes())
        del table  # It would keep the mapping from being closed.
    found.update(content[start + rows * _ROW : end])
    return found.digest()
