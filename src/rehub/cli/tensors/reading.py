"""Read the value of an input: JSON on the command line, or a file. Nothing is evaluated or unpickled."""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from dataclasses import dataclass
from typing import IO, Any

from rehub.errors import InputMismatch

_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")


@dataclass(frozen=True)
class Image:
    """The content of an image file."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Cells:
    """The rows of a CSV file, all of the same length."""

    rows: tuple[tuple[str, ...], ...]


def read_input(text: str) -> Any:
    """Read the value of an input.

    Args:
        text: JSON, or "@" and the path of a .npy, .npz, .json, .csv or image file. After the path of a .npz file comes
            a colon and the name of an array, unless the file has only one.

    Returns:
        The JSON value, a NumPy array, `Cells` or an `Image`.

    Raises:
        InputMismatch: the value cannot be read; says why.
    """
    if not text.startswith("@"):
        return _parse_json(text, "It")
    path, member = _split_member(os.path.expanduser(text[1:]))
    ending = os.path.splitext(path)[1].lower()
    try:
        if ending in (".npy", ".npz"):
            return _read_numpy(path, member)
        if ending == ".json":
            with open(path, encoding="utf-8-sig") as file:
                return _parse_json(file.read(), repr(path))
        if ending == ".csv":
            return _read_csv(path)
        if ending in _IMAGES:
            with open(path, "rb") as file:
                return Image(path, file.read())
    except OSError as error:
        raise InputMismatch(f"{path!r} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputMismatch(f"{path!r} is not UTF-8: {error.reason} at byte {error.start}.") from error
    known = ", ".join((".npy", ".npz", ".json", ".csv", *_IMAGES))
    raise InputMismatch(f"{path!r} has an unknown ending. Known are: {known}.")


def _split_member(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*\.npz):(.+)", text, flags=re.IGNORECASE | re.DOTALL)
    return (found.group(1), found.group(2)) if found else (text, "")


def _parse_json(text: str, subject: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputMismatch(
            f"{subject} is not JSON: {why}. Strings are written '[\"a\", \"b\"]', files '@file.npy'."
        ) from error


def _read_numpy(path: str, member: str) -> Any:
    try:
        if not path.lower().endswith(".npz"):
            with open(path, "rb") as file:
                return _read_array(file)
        with zipfile.ZipFile(path) as archive:
            names = [name[: -len(".npy")] for name in archive.namelist() if name.endswith(".npy")]
            if not member and len(names) == 1:
                member = names[0]
            if member in names:
                with archive.open(f"{member}.npy") as file:
                    return _read_array(file)
    # A damaged NumPy file raises any of these.
    except (ValueError, EOFError, KeyError, SyntaxError, MemoryError, NotImplementedError, zipfile.BadZipFile) as error:
        hint = " Strings are stored as str or bytes, not as objects." if "allow_pickle" in str(error) else ""
        raise InputMismatch(f"{path!r} has no readable array: {error}.{hint}") from error
    asked = f"no array {member!r}" if member else "not one array"
    raise InputMismatch(f"{path!r} has {asked}: choose one with '@{path}:NAME'. It has: {', '.join(names) or 'none'}.")


def _read_array(file: IO[bytes]) -> Any:
    import numpy as np

    return np.lib.format.read_array(file, allow_pickle=False)


def _read_csv(path: str) -> Cells:
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            rows = tuple(tuple(row) for row in csv.reader(file) if row)
        except csv.Error as error:
            raise InputMismatch(f"{path!r} is not CSV: {error}.") from error
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise InputMismatch(f"{path!r} has {len(row)} columns in row {number}, but {len(rows[0])} in row 1.")
    return Cells(rows)
