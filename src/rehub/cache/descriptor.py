"""The descriptor beside a cached model: a few lines for people, as `tensorflow_hub` writes them."""

from __future__ import annotations

import os
import socket
from datetime import datetime

from rehub.cache.manifest import Manifest
from rehub.escaping import escape_url
from rehub.strict_parsing import parse_iso_date

MAX_BYTES = 1 << 20
_MAX_KEY_CHARACTERS = 8192
_MANIFEST = "Manifest"


def format_descriptor(key: str, manifest: str | None = None) -> bytes:
    """Return the descriptor of a model that is stored now.

    Args:
        key: the model's key; its secrets are not written.
        manifest: the name of the file without which the entry is incomplete, if there is such a file.
    """
    # The three lines of tensorflow_hub's resolver.py, `_write_module_descriptor_file`; its time is local, too.
    now = datetime.now().isoformat(sep=" ")  # noqa: DTZ005
    lines = [
        f"Module: {escape_url(key, _MAX_KEY_CHARACTERS)}",
        f"Download Time: {now}",
        f"Downloader Hostname: {socket.gethostname()} (PID:{os.getpid()})",
    ]
    if manifest is not None:
        lines.append(f"{_MANIFEST}: {manifest}, without which the model is incomplete")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def requires_manifest(descriptor: bytes) -> bool:
    """Return whether a descriptor says that the entry is incomplete without a manifest."""
    return _MANIFEST in _parse_fields(descriptor)


def find_origin(manifest: Manifest | None, descriptor: bytes | None) -> tuple[str | None, str | None, datetime | None]:
    """Return a model's handle, its URL and when it was stored, from its manifest or else its descriptor."""
    if manifest is not None:
        return escape_url(manifest.handle), escape_url(manifest.url), parse_iso_date(manifest.time)
    fields = {} if descriptor is None else _parse_fields(descriptor)
    handle = fields.get("Module")
    # tensorflow_hub's resolver.py writes str(datetime.today()): local, without a zone.
    stored = parse_iso_date(fields.get("Download Time", ""), local=True)
    return None if handle is None else escape_url(handle), None, stored


def _parse_fields(descriptor: bytes) -> dict[str, str]:
    return dict(line.partition(": ")[::2] for line in descriptor.decode("utf-8", "surrogateescape").splitlines())
