"""A digest of weights that takes hardly longer than reading them from memory.

It detects weights that have changed or belong to another model. It does not withstand an attacker, who could write the
digest as well as the weights: files of other users are not read in the first place.
"""

from __future__ import annotations

import hashlib
import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# A share is a table of 64-bit numbers, whose columns are summed. A row fits into a processor's first cache. Its length
# is a prime, so that equal shapes of a model's weights are not whole rows apart.
_COLUMNS, _ROWS = 4093, 2048
_ROW = _COLUMNS * 8
_SHARE = _ROWS * _ROW  # What one thread reads at a time: 67 MB.


def weights_digest(content: mmap.mmap | bytes) -> str:
    """Return the digest of the bytes of weights.

    It is the SHA-256 of sums modulo 2**64 of numbers that are far apart. Summing takes as long as reading; a SHA-256 of
    all bytes would take several times as long as the rest of loading.
    """
    digest = hashlib.sha256(f"{len(content)} bytes\n".encode())
    starts = range(0, len(content), _SHARE)
    if len(starts) > 1:
        with ThreadPoolExecutor(2) as readers:
            sums = list(readers.map(lambda start: _digest_share(content, start), starts))
    else:
        sums = [_digest_share(content, start) for start in starts]
    for each in sums:
        digest.update(each)
    return digest.hexdigest()


def _digest_share(content: Any, start: int) -> bytes:
    """Return the digest of one share: of the sums of its columns, and of the bytes that do not fill a row."""
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
