"""Where a model is written: aside at first, so that what stands at the target is a whole model or what was there."""

from __future__ import annotations

import contextlib
import posixpath
import uuid
from typing import Any, Iterator

from rehub.errors import ExportTargetTaken
from rehub.formatting import list_names


def target_of(tf: Any, directory: Any, overwrite: bool) -> str:
    """Returns a directory to write to as text.

    Raises:
        ExportTargetTaken: there is something, and it is not to be replaced; or it is a file.
    """
    target = str(tf.compat.as_str_any(tf.compat.path_to_str(directory))).rstrip("/")
    _check_free(tf, target, overwrite)
    return target


@contextlib.contextmanager
def written_aside(tf: Any, target: str, overwrite: bool) -> Iterator[str]:
    """Gives a directory to write a model to, which is moved to its place if all goes well, and removed if not.

    Raises:
        ExportTargetTaken: in the meantime, something has come to the target.
    """
    aside = f"{target}.{uuid.uuid4().hex}.tmp"
    try:
        yield aside
        _move(tf, aside, target, overwrite)
    finally:
        if tf.io.gfile.exists(aside):
            tf.io.gfile.rmtree(aside)


def _check_free(tf: Any, target: str, overwrite: bool) -> None:
    gfile = tf.io.gfile
    if not gfile.exists(target):
        return
    if not gfile.isdir(target):
        raise ExportTargetTaken(f"A model cannot be written to {target!r}: it is a file. Choose another directory.")
    there = sorted(gfile.listdir(target))
    if there and not overwrite:
        raise ExportTargetTaken(
            f"A model cannot be written to {target!r}: {list_names(there[:5])} is there already. Nothing was written; "
            "choose another directory, or allow it to be replaced (overwrite=True; --overwrite)."
        )


def _move(tf: Any, aside: str, target: str, overwrite: bool) -> None:
    """Puts the finished model in its place; one that was there is removed when the new one stands."""
    gfile = tf.io.gfile
    _check_free(tf, target, overwrite)
    if not gfile.exists(target):
        gfile.makedirs(posixpath.dirname(target) or ".")
        gfile.rename(aside, target)
        return
    replaced = f"{target}.{uuid.uuid4().hex}.old"
    gfile.rename(target, replaced)
    try:
        gfile.rename(aside, target)
    except BaseException:
        gfile.rename(replaced, target)
        raise
    gfile.rmtree(replaced)
