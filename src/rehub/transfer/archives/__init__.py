"""Unpack model archives without trusting their bytes, and pack models in the form of the hosting protocol."""

from __future__ import annotations

from rehub.transfer.archives.extract import detect_format as detect_format
from rehub.transfer.archives.extract import peek as peek
from rehub.transfer.archives.extract import unpack_archive as unpack_archive
from rehub.transfer.archives.extract import unpack_verified as unpack_verified
from rehub.transfer.archives.extractor import Limits as Limits
from rehub.transfer.archives.extractor import SafeExtractor as SafeExtractor
from rehub.transfer.archives.extractor import default_limits as default_limits
from rehub.transfer.archives.pack import copy_directory as copy_directory
from rehub.transfer.archives.pack import pack_directory as pack_directory
