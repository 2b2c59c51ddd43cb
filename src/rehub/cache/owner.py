"""Who holds a lock, as it stands in the lock's file, for those who wait and for those who clean up."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from rehub.escaping import escape
from rehub.strict_parsing import Malformed, get_field, parse_json

# What is larger is no lock of ours.
LONGEST = 4096
_LARGEST_PID = 2**31 - 1


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock.

    Attributes:
        host: the machine that it runs on.
        pid: its number there.
        since: when it took the lock, by its own clock, as ISO 8601. It is shown and never compared.
        token: what no other lock's owner has, not even of the same process.
    """

    host: str
    pid: int
    since: str
    token: str

    @classmethod
    def of_this_process(cls) -> Owner:
        """This process, from now on."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(socket.gethostname(), os.getpid(), now, uuid.uuid4().hex)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Owner | None:
        """The owner that a lock's file names; None where none is written yet, or what is written is not plain."""
        try:
            fields = parse_json(stored)
            owner = cls(*(get_field(fields, name, kind) for name, kind in _FIELDS))
        except Malformed:
            return None
        return owner if 0 < owner.pid <= _LARGEST_PID else None

    def to_bytes(self) -> bytes:
        """The text of a lock's file."""
        return json.dumps(asdict(self)).encode() + b"\n"

    def is_gone(self) -> bool:
        """Whether the process certainly runs no longer. Of another machine's nobody can say."""
        if os.name == "nt" or self.host != socket.gethostname():
            return False  # On Windows, os.kill(pid, 0) would end the process.
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # It runs, as another user.
            return False
        return False

    def __str__(self) -> str:
        return f"process {self.pid} on {escape(self.host, 64)}, which has been at it since {escape(self.since, 40)}"


_FIELDS = (("host", str), ("pid", int), ("since", str), ("token", str))
