"""The process that holds a lock, as written into the lock's file: for waiting processes, and to detect dead ones."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from rehub.escaping import escape
from rehub.strict_parsing import Malformed, get_field, parse_json

MAX_BYTES = 4096
_MAX_PID = 2**31 - 1


@dataclass(frozen=True)
class LockHolder:
    """The process that holds a lock.

    Attributes:
        host: its machine.
        pid: its process id there.
        since: when it acquired the lock, by its own clock, as ISO 8601. It is printed and never compared.
        token: unique among all locks, also of the same process.
    """

    host: str
    pid: int
    since: str
    token: str

    @classmethod
    def of_this_process(cls) -> LockHolder:
        """Return this process, as the holder from now on."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(socket.gethostname(), os.getpid(), now, uuid.uuid4().hex)

    @classmethod
    def from_bytes(cls, stored: bytes) -> LockHolder | None:
        """Parse the content of a lock's file; return None if it names no holder yet, or is malformed."""
        try:
            fields = parse_json(stored)
            holder = cls(*(get_field(fields, name, kind) for name, kind in _FIELDS))
        except Malformed:
            return None
        return holder if 0 < holder.pid <= _MAX_PID else None

    def to_bytes(self) -> bytes:
        """Return the content of a lock's file."""
        return json.dumps(asdict(self)).encode() + b"\n"

    def is_dead(self) -> bool:
        """Return whether the process has certainly ended. A process of another machine may always be alive."""
        if os.name == "nt" or self.host != socket.gethostname():
            return False  # On Windows, os.kill(pid, 0) would end the process.
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # It runs as another user.
            return False
        return False

    def __str__(self) -> str:
        return f"process {self.pid} on {escape(self.host, 64)}, running since {escape(self.since, 40)}"


_FIELDS = (("host", str), ("pid", int), ("since", str), ("token", str))
