"""Bytes from a remote into a directory: streamed, checked, and unpacked without trusting what they say.

`open_url` gives the body of an answer that is an archive, or an error that tells what came instead; `unpack` takes
such a body, or a local file, and writes the model that is in it. They meet in one pass: what is received is
decompressed, hashed and written at once.
"""

from __future__ import annotations

from rehub.transfer.archives import unpack
from rehub.transfer.download import open_url
from rehub.transfer.members import Limits

__all__ = ["Limits", "open_url", "unpack"]
