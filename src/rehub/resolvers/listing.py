"""Find the files of a model among all files of a remote, before any of them is fetched."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Callable, Iterable

from rehub.cache.layout import SAVED_MODEL_FILES
from rehub.errors import ModelNotFound, UnsafeArchive
from rehub.escaping import escape_url, quote
from rehub.formatting import list_names

_MAX_LISTED = 8


def select_model_files(
    names: Iterable[str], directory: str, *, handle: str, format_handle: Callable[[str], str]
) -> list[str]:
    """Return the names of all files below a directory that holds a SavedModel.

    >>> select_model_files(["README.md", "v1/saved_model.pb"], "v1", handle="'hf://o/repo/v1'", format_handle=str)
    ['v1/saved_model.pb']

    Args:
        names: every file of the remote, with `/` between directories.
        directory: the model's, as the user gave it; empty for the root.
        handle: what the user typed, in quotes.
        format_handle: returns the handle of a directory.

    Raises:
        ModelNotFound: it does not hold a SavedModel; lists its files, and the directories that do.
        UnsafeArchive: a file name leaves the model's directory.
    """
    every = sorted(names)
    models = [str(PurePosixPath(name).parent) for name in every if PurePosixPath(name).name in SAVED_MODEL_FILES]
    files = [name for name in every if _is_below(name, directory)]
    if (directory or ".") in models:
        for name in files:
            _check_name(name, handle)
        return files
    if files:
        missing = f"{', '.join(SAVED_MODEL_FILES[:-1])} or {SAVED_MODEL_FILES[-1]}"
        found = f"has no {missing}. It holds: {list_names(files, _MAX_LISTED)}."
    elif directory in every:
        found = "is a file. Give the directory that has a saved_model.pb."
    else:
        found = "is empty, or does not exist."
    hints = "\n".join(f"  {escape_url(format_handle('' if model == '.' else model))}" for model in models[:_MAX_LISTED])
    raise ModelNotFound(f"{handle} {found}" + (f"\nModels are in:\n{hints}" if hints else ""))


def _is_below(name: str, directory: str) -> bool:
    return not directory or name.startswith(directory + "/")


def _check_name(name: str, handle: str) -> None:
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/"):
        raise UnsafeArchive(f"{handle} is refused: its file {quote(name)} is not in the model's directory.")
