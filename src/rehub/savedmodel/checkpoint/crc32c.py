"""The checksum that TensorFlow notes with what it writes, computed where google_crc32c is installed.

Plain Python would take far longer than to read the file.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

_IS_INSTALLED = importlib.util.find_spec("google_crc32c") is not None
_MASK_DELTA = 0xA282EAD8


class Checksum:
    """A checksum of what goes by."""

    def __init__(self, *pieces: bytes) -> None:
        self._module: Any = importlib.import_module("google_crc32c") if _IS_INSTALLED else None
        self._value = 0
        for piece in pieces:
            self.update(piece)

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        if self._module is not None:
            self._value = self._module.extend(self._value, piece)

    def masked(self) -> int | None:
        """Return the checksum as LevelDB and TensorFlow store it; None where it cannot be computed.

        A checksum of data with checksums in it would be weak, so that it is rotated, and moved by a constant.
        """
        if self._module is None:
            return None
        return ((self._value >> 15 | self._value << 17) + _MASK_DELTA) & 0xFFFFFFFF
