"""Find and open the files of the input, on disk or in an object store."""

from __future__ import annotations

import contextlib
import glob
import gzip
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Iterable, Iterator, cast

from rehub.cache.fsspec_storage import call_storage, open_storage
from rehub.errors import InputChanged, InputUnreadable, InvalidSetting
from rehub.formatting import list_names
from rehub.handles import parse_handle
from rehub.redaction import redact_url

# The formats by the ends of names, with `.gz` cut off where the format may be compressed.
_ENDINGS = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson"),
    "tfrecord": (".tfrecord", ".tfrecords"),
    "image": (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    "text": (".txt",),
}
_MAY_BE_COMPRESSED = ("csv", "jsonl", "tfrecord")
_GZIP = b"\x1f\x8b\x08"
# TFRecord files are often named train.tfrecord-00000-of-00010.
_SHARD_OF_SEVERAL = re.compile(r"-\d+-of-\d+(?=\.gz$|$)")


@dataclass(frozen=True)
class InputFile:
    """A file of the input: its path or URL, its size in bytes, and what identifies its content."""

    path: str
    size: int
    stamp: str


@dataclass(frozen=True)
class InputFiles:
    """The files of the input, all of one format, and those of a directory that are of none."""

    format: str
    files: tuple[InputFile, ...]
    ignored: tuple[str, ...]


def detect_format(path: str) -> str | None:
    """Return the format that a file's name says.

    >>> detect_format("train.tfrecord-00000-of-00010"), detect_format("a.CSV.gz"), detect_format("README.md")
    ('tfrecord', 'csv', None)
    """
    name = _SHARD_OF_SEVERAL.sub("", path.lower())
    bare = name[: -len(".gz")] if name.endswith(".gz") else name
    for found, endings in _ENDINGS.items():
        if bare.endswith(endings) and (bare == name or found in _MAY_BE_COMPRESSED):
            return found
    return None


def list_files(
    inputs: Iterable[str | os.PathLike[str]], format_name: str | None = None, output: str | None = None
) -> InputFiles:
    """Return the files of paths, URLs, directories and globs; each once, in the order given, directories sorted.

    In directories, names that start with `_` or `.` are not data.

    Args:
        inputs: what the user typed.
        format_name: the format of all files; None to tell it from their names.
        output: the directory or URL of the results. They are not data of the run, also if it is inside the input.

    Raises:
        InputUnreadable: there is no such file, or its format is not known, or formats are mixed.
    """
    found: dict[str, InputFile] = {}
    ignored: list[str] = []
    formats: dict[str, str] = {}
    if format_name not in (None, *_ENDINGS):
        raise InvalidSetting(f"There is no format {format_name!r}. Formats are: {list_names(_ENDINGS)}.")
    own = None if output is None else output.rstrip("/") + "/"
    for each in inputs:
        text = find_local_path(os.fspath(each))
        before = len(found)
        matches = _list_url(text) if "://" in text else _list_local(text)
        seen = has_own = False
        for file, is_named in matches:
            if own is not None and file.path.startswith(own):
                has_own = True
                continue
            seen = True
            kind = format_name or detect_format(file.path)
            if kind is not None:
                found.setdefault(file.path, file)
                formats.setdefault(kind, file.path)
            elif is_named:
                known = list_names(ending for endings in _ENDINGS.values() for ending in endings)
                raise InputUnreadable(
                    f"{redact_url(file.path)!r} has an unknown ending. Known are: {known}. "
                    "If it has one of these formats, name the format: --format csv (input_format= in Python)."
                )
            else:
                ignored.append(file.path)
        if not seen or (len(found) == before and not formats):
            if has_own:
                raise InputUnreadable(f"All files of the input {redact_url(text)!r} are in the output. Choose another.")
            raise InputUnreadable(_describe_absence(text))
    if len(formats) > 1:
        examples = list_names(formats.values())
        raise InputUnreadable(
            f"The input has files of several formats: {examples}. Choose by a glob, such as 'dir/*.jpg'."
        )
    if not formats:
        raise InvalidSetting("There is no input: name files, directories, globs or URLs.")
    return InputFiles(next(iter(formats)), tuple(found.values()), tuple(ignored))


def _describe_absence(text: str) -> str:
    if "://" not in text:
        path = os.path.expanduser(text)
        if glob.has_magic(path) and not os.path.exists(path):
            return f"No file to read matches {text!r} in {os.getcwd()!r}."
        if not os.path.exists(path):
            return f"The input {text!r} does not exist: there is no {os.path.abspath(path)!r}."
    return f"There are no files to read in {redact_url(text)!r}."


def _list_local(text: str) -> Iterator[tuple[InputFile, bool]]:
    """Yield files, each with whether the user named it: itself, or by a glob."""
    path = os.path.expanduser(text)
    if os.path.isdir(path):
        yield from ((file, False) for file in _walk_directory(path))
    elif os.path.exists(path):
        yield _stat_file(path), True
    elif glob.has_magic(path):
        for match in sorted(glob.glob(path, recursive=True)):
            if _is_hidden(os.path.basename(match)):
                continue
            if not os.path.isdir(match):
                yield _stat_file(match), True
            elif "**" not in path:  # With **, its files match too.
                yield from ((file, False) for file in _walk_directory(match))


def _walk_directory(path: str) -> Iterator[InputFile]:
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if not _is_hidden(name):
                yield _stat_file(os.path.join(folder, name))


def _is_hidden(name: str) -> bool:
    return name.startswith(("_", "."))


def _stat_file(path: str) -> InputFile:
    path = os.path.abspath(path)
    try:
        found = os.stat(path)
    except OSError as error:
        raise InputUnreadable(f"{path!r} cannot be read: {error.strerror}.") from error
    return InputFile(path, found.st_size, f"{found.st_size}:{found.st_mtime_ns}")


def _list_url(url: str) -> Iterator[tuple[InputFile, bool]]:
    storage, root = open_storage(url, url)

    def list_all() -> tuple[dict[str, Any], bool]:
        storage.invalidate_cache()
        if url.startswith(("http://", "https://")):  # Whose directories are pages.
            return {root: storage.info(root)}, True
        if glob.has_magic(root):
            return cast("dict[str, Any]", storage.glob(root, detail=True)), True
        found = cast("dict[str, Any]", storage.find(root, detail=True)) or {root: storage.info(root)}
        return found, list(found) == [root.rstrip("/")]

    infos, is_named = call_storage(list_all, InputUnreadable, f"{redact_url(url)!r} cannot be listed", url)
    for path in sorted(infos):
        below = path[len(root) :] if not is_named else os.path.basename(path)
        if infos[path].get("type") != "directory" and not any(map(_is_hidden, below.strip("/").split("/"))):
            yield InputFile(_join_url(url, path), int(infos[path].get("size") or 0), _stamp_of(infos[path])), is_named


def _join_url(url: str, path: str) -> str:
    if "://" in path:  # As of the driver for http.
        return path
    return f"{url.partition('://')[0]}://{path.lstrip('/') if not path.startswith('/') else path}"


def _stamp_of(info: Any) -> str:
    for key in ("ETag", "etag", "md5Hash", "generation", "LastModified", "mtime", "created"):
        value = info.get(key)
        if value:  # Some drivers give a time as a number in a listing, and as a datetime elsewhere.
            return f"{info.get('size')}:{value.timestamp() if hasattr(value, 'timestamp') else value}"
    return f"{info.get('size')}:"


def find_local_path(text: str) -> str:
    """Return the path of a `file://` URL; all else unchanged.

    >>> find_local_path("file:///data/a%20b"), find_local_path("s3://bucket/a")
    ('/data/a b', 's3://bucket/a')
    """
    return parse_handle(text).location if text.startswith("file://") else text


def check_stamp(path: str, stamp: str) -> None:
    """Fail if a file has another size, time of change or ETag than when it was planned.

    Raises:
        InputChanged: it has, or it is gone.
    """
    try:
        if "://" in path:
            storage, inner = open_storage(path, path)
            storage.invalidate_cache(inner)  # Else drivers answer from an earlier listing.
            now = _stamp_of(storage.info(inner))
        else:
            now = _stat_file(path).stamp
    except (FileNotFoundError, InputUnreadable):
        now = "missing"
    if now != stamp:
        state = "is gone" if now == "missing" else "has changed"
        raise InputChanged(f"{redact_url(path)!r} {state} since the run was planned. Start again with --overwrite.")


def open_file(path: str) -> IO[bytes]:
    """Open a file for reading, at a path or a URL."""
    if "://" not in path:
        return open(path, "rb")
    storage, inner = open_storage(path, path)
    return cast("IO[bytes]", storage.open(inner, "rb"))


def read_file(path: str) -> bytes:
    """Return the content of a file, at a path or a URL: by one request, where `open_file` makes several."""
    if "://" not in path:
        return Path(path).read_bytes()
    storage, inner = open_storage(path, path)
    return cast("bytes", storage.cat_file(inner))


def is_compressed(path: str) -> bool:
    """Return whether a file is compressed by gzip."""
    with open_file(path) as file:
        return file.read(len(_GZIP)) == _GZIP


@contextlib.contextmanager
def open_decompressed(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, and decompress it if it is compressed by gzip."""
    with open_file(path) as file:
        start = file.read(len(_GZIP))
        file.seek(0)
        if start != _GZIP:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as content:
            yield cast("IO[bytes]", content)


def describe_failure(path: str, error: BaseException, row: int | None = None) -> str:
    """Return why a file, or its rest from a row on, cannot be read."""
    what = redact_url(path) if row is None else f"the rest of {redact_url(path)}, from row {row + 1} on,"
    return f"{what} cannot be read: {type(error).__name__}: {error}"
