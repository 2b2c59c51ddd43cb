"""`rehub convert --for-tensorflow`: write a model so that an older TensorFlow loads it without rehub."""

from __future__ import annotations

import functools
import posixpath
from dataclasses import dataclass
from typing import Any

from rehub import resolvers, restore, tf_internals
from rehub.downgrade import rewrite_model
from rehub.errors import InvalidSetting
from rehub.redaction import label_model
from rehub.restore.export_target import check_target, stage_export
from rehub.savedmodel import read_metagraphs
from rehub.savedmodel.layout import CPB, PB, PBTXT

# What newer versions write beside a model: a digest of another file, and the names of other nodes.
_LEFT_OUT_FILES = ("fingerprint.pb", "debug")


@dataclass(frozen=True)
class RewrittenModel:
    """The report of a model that was rewritten for an older TensorFlow.

    Attributes:
        handle: that of the model.
        directory: where the new model is.
        written_by: the TensorFlow that wrote the model.
        for_tensorflow: the TensorFlow that it was rewritten for.
        rewritten: what was changed, each with how often.
        left_out: the functions that it lacks, each with the reason. No signature needs them.
    """

    handle: str
    directory: str
    written_by: str
    for_tensorflow: str
    rewritten: tuple[str, ...]
    left_out: tuple[str, ...]


def convert_for_tensorflow(handle: Any, directory: Any, version: str, overwrite: bool = False) -> RewrittenModel:
    """Write a SavedModel so that an older TensorFlow, its C++ loader and its Serving load it.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        directory: where to write: a local path or one of an object store.
        version: the older TensorFlow's: "1.15", or newer.
        overwrite: whether to replace an existing model.

    Raises:
        InvalidSetting: the version is not one, or older than 1.15.
        ExportTargetTaken: `directory` is not empty, and `overwrite` is not set.
        MissingOp: what a signature needs cannot be said in the ops of that version.
        UnsafeModel: it has ops that could do harm, and REHUB_TRUST refuses them.
    """
    numbers = tf_internals.parse_version(version)
    if numbers < tf_internals.OLDEST_TENSORFLOW:
        raise InvalidSetting(f"--for-tensorflow takes a version from 1.15 on, such as 1.15. Received: {version!r}")
    target = check_target(directory, overwrite)
    path = resolvers.resolve(handle)
    label = label_model(handle, path)
    layout = restore.check_trust(restore.detect_layout_anywhere(path, label), label)
    content = bytes(restore.read_model(layout)[:])
    metagraphs = read_metagraphs(layout.file, content)
    read_tensor = functools.partial(restore.read_checkpoint_tensor, layout.path)
    rewriting = rewrite_model(content, numbers, label, read_tensor)
    gfile = tf_internals.import_tensorflow().io.gfile
    with stage_export(target, overwrite) as staging:
        gfile.makedirs(staging)
        for entry in gfile.listdir(layout.path):
            name = restore.strip_entry_name(layout.path, entry)
            if name not in (PB, PBTXT, CPB, *_LEFT_OUT_FILES):
                _copy_tree(posixpath.join(layout.path, name), posixpath.join(staging, name), gfile)
        with gfile.GFile(posixpath.join(staging, PB), "wb") as file:
            file.write(content if rewriting is None else rewriting.content)
    return RewrittenModel(
        handle=label,
        directory=target,
        written_by=metagraphs[0].tensorflow_version,
        for_tensorflow=version,
        rewritten=() if rewriting is None else rewriting.changes,
        left_out=() if rewriting is None else rewriting.left_out,
    )


def _copy_tree(source: str, target: str, gfile: Any) -> None:
    if not gfile.isdir(source):
        gfile.copy(source, target)
        return
    gfile.makedirs(target)
    for entry in gfile.listdir(source):
        name = restore.strip_entry_name(source, entry)
        _copy_tree(posixpath.join(source, name), posixpath.join(target, name), gfile)
