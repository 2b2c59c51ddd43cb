"""Who holds a lock, as it stands in the lock's file, for those who wait and for those who clean up."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timezone


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
        """The owner that a lock's file names; None where none is written yet."""
        try:
            fields = json.loads(stored.decode())
            return cls(str(fields["host"]), int(fields["pid"]), str(fields["since"]), str(fields["token"]))
        except (ValueError, KeyError, TypeError):
            return None

    def to_bytes(self) -> bytes:
        """The text of a lock's file."""
        return json.dumps(asdict(self)).encode() + b"\n"

    def is_gone(self) -> bool:
        """Whether the process certainly runs no longer. Of another machine's nobody can say."""
        if os.name == "nt" or self.host != socket.gethostname() or self.pid <= 0:
            return False  # On Windows, os.kill(pid, 0) would end the process.
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # It runs, as another user.
            return False
        return False

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, which has been at it since {self.since}"
