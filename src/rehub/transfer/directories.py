"""A model's directory as the source: of an archive for other machines, or of a copy under the rules for archives."""

from __future__ import annotations

import gzip
import os
import tarfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Container, Iterator

from rehub.errors import UnsafeArchive
from rehub.escaping import quote
from rehub.transfer.members import Limits, Members, limits_of_settings

if TYPE_CHECKING:
    from rehub.cache import FileRecord

_DEEPEST = 64


def pack_directory(directory: Path, archive: Path, *, leave_out: Container[str] = ()) -> None:
    """Writes a directory as a `.tar.gz`, in the form of the hosting protocol: its content under `./`.

    Nothing but the names and bytes of the files goes into it: members are sorted, belong to user 0 and are of the time
    0, links are what they lead to. So a model has one archive, byte for byte, with one version of zlib.

    Args:
        directory: the model.
        archive: where to write it; replaced, when it is complete, if it exists.
        leave_out: names of files, relative to the directory, that do not go into the archive.

    Raises:
        UnsafeArchive: something in the directory is neither a file nor a directory, or a link that leads back.
        OSError: a file cannot be read, or the archive cannot be written.
    """
    aside = archive.with_name(f".{archive.name}.{uuid.uuid4().hex}.tmp")
    try:
        with aside.open("xb") as file:
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as compressed, _new_tar(compressed) as tar:
                _pack_into(tar, directory, leave_out)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(archive)
    finally:
        if aside.exists():
            aside.unlink()


def copy_directory(directory: Path, into: Path, *, name: str, limits: Limits | None = None) -> tuple[FileRecord, ...]:
    """Copies a model into an empty directory and returns what it wrote.

    What no archive may hold, this refuses as well. Links are followed.

    Args:
        directory: the model.
        into: an empty directory. After an error, some of the model may be in it.
        name: what messages call the model.
        limits: how much it may hold; else what the settings say.

    Raises:
        UnsafeArchive: names what is refused and the rule it broke.
        OSError: a file cannot be read or written.
    """
    members = Members(into, name, limits or limits_of_settings())
    for member, path in _walk(directory):
        if path.is_dir():
            members.add_directory(member)
        else:
            with path.open("rb") as file:
                members.add_file(member, os.fstat(file.fileno()).st_size, file)
    return tuple(members.records)


def _new_tar(stream: gzip.GzipFile) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)


def _pack_into(tar: tarfile.TarFile, directory: Path, leave_out: Container[str]) -> None:
    tar.addfile(_member("./", tarfile.DIRTYPE))
    for name, path in _walk(directory):
        if name in leave_out:
            continue
        if path.is_dir():
            tar.addfile(_member("./" + name, tarfile.DIRTYPE))
        else:
            with path.open("rb") as file:
                member = _member("./" + name, tarfile.REGTYPE)
                member.size = os.fstat(file.fileno()).st_size
                tar.addfile(member, file)


def _member(name: str, kind: bytes) -> tarfile.TarInfo:
    # User, group and time of a TarInfo are zero and without names.
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return member


def _walk(directory: Path, above: tuple[str, ...] = (), prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Each directory and file below, in order: its name with `/`, and its path."""
    if len(above) > _DEEPEST:
        raise UnsafeArchive(f"{quote(directory)} lies deeper than {_DEEPEST} directories.")
    real = os.path.realpath(str(directory))
    if real in above:
        raise UnsafeArchive(f"{quote(directory)} is a link that leads back to a directory above it.")
    for path in sorted(directory.iterdir()):
        name = prefix + path.name
        if path.is_dir():
            yield name, path
            yield from _walk(path, (*above, real), name + "/")
        elif path.is_file():
            yield name, path
        else:
            raise UnsafeArchive(f"{quote(path)} is neither a file nor a directory, or a link to what does not exist.")
