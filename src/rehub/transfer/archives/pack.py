"""Pack a model's directory into an archive, or copy it by the rules for archives."""

from __future__ import annotations

import contextlib
import gzip
import os
import tarfile
from pathlib import Path
from typing import IO, Container, Iterator

from rehub.cache import FileRecord
from rehub.errors import UnsafeArchive
from rehub.escaping import quote
from rehub.staging import write_atomically
from rehub.transfer.archives.extractor import Limits, SafeExtractor, default_limits

_MAX_DEPTH = 64


def pack_directory(directory: Path, archive: Path, *, leave_out: Container[str] = ()) -> None:
    """Write a directory as a `.tar.gz` in the form of the hosting protocol, with its content under `./`.

    Only the names and bytes of the files go into it: members are sorted, have user 0 and time 0, and links are
    followed. So the archive of a model is the same, byte for byte, with the same version of zlib.

    Args:
        directory: the model.
        archive: the file to write; an existing one is replaced by the complete archive.
        leave_out: names of files, relative to the directory, that do not go into the archive.

    Raises:
        UnsafeArchive: something in the directory is neither a file nor a directory, or is a link to a parent.
        OSError: a file cannot be read, or the archive cannot be written.
    """
    with write_atomically(archive) as staging, staging.open("xb") as file, _open_tar_gz(file) as tar:
        _add_directory(tar, directory, leave_out)


def copy_directory(directory: Path, into: Path, *, name: str, limits: Limits | None = None) -> tuple[FileRecord, ...]:
    """Copy a model into an empty directory by the rules for archives, and return the written files. Links are followed.

    Args:
        directory: the model.
        into: an empty directory. After an error, some of the model may be in it.
        name: what messages call the model.
        limits: how much it may hold; None takes those of the settings.

    Raises:
        UnsafeArchive: names the file and the rule that it breaks.
        OSError: a file cannot be read or written.
    """
    extractor = SafeExtractor(into, name, limits or default_limits())
    for member, path in _iter_paths(directory):
        if path.is_dir():
            extractor.make_directory(member)
        else:
            with path.open("rb") as file:
                extractor.extract_file(member, os.fstat(file.fileno()).st_size, file)
    return tuple(extractor.records)


@contextlib.contextmanager
def _open_tar_gz(file: IO[bytes]) -> Iterator[tarfile.TarFile]:
    compressed = gzip.GzipFile("", "wb", 6, file, mtime=0)
    with compressed, tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        yield tar


def _add_directory(tar: tarfile.TarFile, directory: Path, leave_out: Container[str]) -> None:
    tar.addfile(_create_member("./", tarfile.DIRTYPE))
    for name, path in _iter_paths(directory):
        if name in leave_out:
            continue
        if path.is_dir():
            tar.addfile(_create_member("./" + name, tarfile.DIRTYPE))
        else:
            with path.open("rb") as file:
                member = _create_member("./" + name, tarfile.REGTYPE)
                member.size = os.fstat(file.fileno()).st_size
                tar.addfile(member, file)


def _create_member(name: str, kind: bytes) -> tarfile.TarInfo:
    # User, group and time of a TarInfo are zero and without names.
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return member


def _iter_paths(directory: Path, parents: tuple[str, ...] = (), prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Yield each directory and file below, in order: its name with `/`, and its path."""
    if len(parents) > _MAX_DEPTH:
        raise UnsafeArchive(f"{quote(directory)} is nested more than {_MAX_DEPTH} directories deep.")
    real = os.path.realpath(str(directory))
    if real in parents:
        raise UnsafeArchive(f"{quote(directory)} is a link to one of its parent directories.")
    for path in sorted(directory.iterdir()):
        name = prefix + path.name
        if path.is_dir():
            yield name, path
            yield from _iter_paths(path, (*parents, real), name + "/")
        elif path.is_file():
            yield name, path
        else:
            raise UnsafeArchive(f"{quote(path)} is neither a file nor a directory, or is a broken link.")
