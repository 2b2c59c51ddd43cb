"""Finds a model among the names of a remote's files, before any of them is fetched."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Callable, Iterable

from rehub.errors import ModelNotFound, UnsafeArchive
from rehub.escaping import escape_url, quote
from rehub.formatting import list_names

# One of them is in every SavedModel.
_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")

_SHOWN = 8


def model_files(names: Iterable[str], directory: str, *, handle: str, spell: Callable[[str], str]) -> list[str]:
    """The names of a model's files.

    >>> model_files(["README.md", "v1/saved_model.pb"], "v1", handle="'hf://owner/repo/v1'", spell=str)
    ['v1/saved_model.pb']

    Args:
        names: every file of the remote, with `/` between directories.
        directory: the model's, as the user gave it; empty for the root.
        handle: what the user typed, as messages quote it.
        spell: makes a handle of a directory.

    Returns:
        The names of all files below the directory, which is a SavedModel's.

    Raises:
        ModelNotFound: it is none; says what is there, and where models are.
        UnsafeArchive: a name would lead out of the model's directory.
    """
    every = sorted(names)
    models = [str(PurePosixPath(name).parent) for name in every if PurePosixPath(name).name in _SAVED_MODEL_FILES]
    there = [name for name in every if _is_below(name, directory)]
    if (directory or ".") in models:
        for name in there:
            _check(name, handle)
        return there
    if there:
        shown = list_names(there[:_SHOWN]) + (f", and {len(there) - _SHOWN} more" if len(there) > _SHOWN else "")
        found = f"has no {', '.join(_SAVED_MODEL_FILES[:-1])} or {_SAVED_MODEL_FILES[-1]}. It holds: {shown}."
    elif directory in every:
        found = "is a file. Give the directory that has a saved_model.pb."
    else:
        found = "is empty, or does not exist."
    hints = "\n".join(f"  {escape_url(spell('' if model == '.' else model))}" for model in models[:_SHOWN])
    raise ModelNotFound(f"{handle} {found}" + (f"\nModels are in:\n{hints}" if hints else ""))


def _is_below(name: str, directory: str) -> bool:
    return not directory or name.startswith(directory + "/")


def _check(name: str, handle: str) -> None:
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
        raise UnsafeArchive(f"{handle} is refused: its file {quote(name)} would not lie in the model's directory.")
