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

_ROWS, _COLUMNS = 64, 512  # Of a block of numbers of 64 bits, which has place in a processor's second cache.
_BLOCK = _ROWS * _COLUMNS * 8
_SHARE = 64 << 20  # What one thread goes through at a time.


def weights_digest(content: mmap.mmap | bytes) -> str:
    """Returns the digest of the bytes of weights.

    Of each block of 256 kB the sums of its rows and of its columns, modulo 2**64, go into a SHA-256: a sum takes as
    long as reading, and one that leaves out which number stood where would not see that two were exchanged.
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
    import numpy as np

    end = min(start + _SHARE, len(content))
    whole = start + (end - start) // _BLOCK * _BLOCK
    found = hashlib.sha256()
    if whole > start:
        blocks = np.frombuffer(content, np.uint64, (whole - start) // 8, start).reshape(-1, _ROWS, _COLUMNS)
        for block in blocks:
            found.update(np.add.reduce(block, axis=1).tobytes())
            found.update(np.add.reduce(block, axis=0).tobytes())
        del blocks, block
    found.update(content[whole:end])
    return found.digest()
