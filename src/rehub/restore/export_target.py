"""Where a model is written: to a staging directory first, so that the target is a complete model or what it was."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

from rehub import tf_internals
from rehub.errors import ExportTargetTaken
from rehub.formatting import list_names
from rehub.staging import publish_directory, staging_path


def check_target(directory: Any, overwrite: bool) -> str:
    """Return a directory to write to as text.

    Raises:
        ExportTargetTaken: it is not empty and must not be replaced; or it is a file.
    """
    compat = tf_internals.import_tensorflow().compat
    target = str(compat.as_str_any(compat.path_to_str(directory))).rstrip("/")
    _check_free(target, overwrite)
    return target


@contextlib.contextmanager
def stage_export(target: str, overwrite: bool) -> Iterator[str]:
    """Give a directory to write a model to, which replaces the target, or is deleted if an error is raised.

    Raises:
        ExportTargetTaken: the target has been created in the meantime.
    """
    gfile = tf_internals.import_tensorflow().io.gfile
    with staging_path(target, gfile) as staging:
        yield staging
        _check_free(target, overwrite)
        publish_directory(staging, target, gfile)


def _check_free(target: str, overwrite: bool) -> None:
    gfile = tf_internals.import_tensorflow().io.gfile
    if not gfile.exists(target):
        return
    if not gfile.isdir(target):
        raise ExportTargetTaken(f"A model cannot be written to {target!r}: it is a file. Choose another directory.")
    existing = sorted(gfile.listdir(target))
    if existing and not overwrite:
        raise ExportTargetTaken(
            f"A model cannot be written to {target!r}: {list_names(existing[:5])} is there already. Nothing was "
            "written; choose another directory, or allow it to be replaced (overwrite=True; --overwrite)."
        )
