"""Which kind of file system a path is on."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

_NETWORK_FILE_SYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "fuse",
    "ceph",
    "lustre",
    "gpfs",
    "afs",
    "gluster",
    "beegfs",
    "ocfs",
    "virtiofs",
)


def is_on_network(path: Path, mounts: Mapping[str, str] | None = None) -> bool:
    """Whether a path is on a network file system, or on one whose type is unknown.

    A mapped page that cannot be read ends the process, and so can a file that another machine truncates.

    Args:
        mounts: the types of file systems by mount point; None for those of this machine.
    """
    if mounts is None:
        try:
            lines = Path("/proc/self/mounts").read_text("utf-8").splitlines()
        except OSError:
            return True
        mounts = {line.split()[1].replace("\\040", " "): line.split()[2] for line in lines}
    resolved = path.resolve()
    for directory in (resolved, *resolved.parents):
        if str(directory) in mounts:
            return mounts[str(directory)].lower().startswith(_NETWORK_FILE_SYSTEMS)
    return True
