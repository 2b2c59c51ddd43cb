"""The few lines beside a cached model, for people who look into the cache; as `tensorflow_hub` writes them."""

from __future__ import annotations

import os
import socket
from datetime import datetime

from rehub.escaping import escape_url
from rehub.strict_parsing import parse_iso_date

# It has three or four lines; what is larger is none.
LONGEST = 1 << 20
_LONGEST_KEY = 8192
_MANIFEST = "Manifest"


def description(key: str, manifest: str | None = None) -> bytes:
    """The lines about a model that comes in now.

    Args:
        key: what the model is known by; its secrets are not written.
        manifest: the name of the file without which the model is not whole, where there is such a one.
    """
    # The three lines of tensorflow_hub's resolver.py, `_write_module_descriptor_file`; its time is local, too.
    now = datetime.now().isoformat(sep=" ")  # noqa: DTZ005
    lines = [
        f"Module: {escape_url(key, _LONGEST_KEY)}",
        f"Download Time: {now}",
        f"Downloader Hostname: {socket.gethostname()} (PID:{os.getpid()})",
    ]
    if manifest is not None:
        lines.append(f"{_MANIFEST}: {manifest}, without which the model is not whole")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def needs_manifest(stored: bytes) -> bool:
    """Whether the lines say that the model is not whole without a manifest."""
    return _MANIFEST in _fields(stored)


def words_of(stored: bytes) -> tuple[str | None, datetime | None]:
    """What the lines say of the model's key, and when it came."""
    fields = _fields(stored)
    # tensorflow_hub's resolver.py writes str(datetime.today()): local, without a zone.
    return fields.get("Module"), parse_iso_date(fields.get("Download Time", ""), local=True)


def _fields(stored: bytes) -> dict[str, str]:
    return dict(line.partition(": ")[::2] for line in stored.decode("utf-8", "surrogateescape").splitlines())
