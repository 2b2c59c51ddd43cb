"""Unpack model archives without trusting their bytes, and pack models in the form of the hosting protocol."""

from __future__ import annotations

from rehub.transfer.archives.extract import detect_format, peek, unpack_archive, unpack_verified
from rehub.transfer.archives.extractor import Limits, SafeExtractor, default_limits
from rehub.transfer.archives.pack import copy_directory, pack_directory

__all__ = [
    "Limits",
    "SafeExtractor",
    "copy_directory",
    "default_limits",
    "detect_format",
    "pack_directory",
    "peek",
    "unpack_archive",
    "unpack_verified",
]
