"""Read a model's directory: on this machine, or in an object store by a file system of TensorFlow."""

from __future__ import annotations

import os

from rehub import tf_internals
from rehub.errors import LocationUnreadable, UnsafeArchive
from rehub.escaping import quote, quote_url
from rehub.savedmodel import Layout, detect_layout
from rehub.savedmodel.encodings import convert_to_pb, read_model_bytes
from rehub.savedmodel.wire import Buffer


def is_local(path: str) -> bool:
    """Whether a resolved path is on this machine, not in an object store."""
    return "://" not in path


def detect_layout_anywhere(path: str, label: str) -> Layout:
    """Detect what kind of SavedModel a directory holds, as `look` does, also in an object store.

    Raises:
        LocationUnreadable: it is in an object store that this TensorFlow cannot read from.
        ModelNotFound, UnsupportedFormat: as `look`.
    """
    return detect_layout(path, label, None if is_local(path) else _list_directory)


def read_model(layout: Layout) -> Buffer:
    """Return the model of a directory as the bytes of a `saved_model.pb`, whatever encoding the file has.

    On this machine the file is mapped, not read: reading a part costs a part.

    Raises:
        CorruptModel, UnsupportedFormat: as `read_model_bytes`.
    """
    return read_model_bytes(layout) if is_local(layout.path) else copy_model_bytes(layout)


def copy_model_bytes(layout: Layout) -> bytes:
    """Return the same as `read_model`, in memory: it does not change with the file."""
    if is_local(layout.path):
        with open(layout.file, "rb") as local:
            content = local.read()
    else:
        with tf_internals.import_tensorflow().io.gfile.GFile(layout.file, "rb") as remote:
            content = remote.read()
    return bytes(convert_to_pb(layout.file, content)[:])


def strip_entry_name(directory: str, name: str) -> str:
    """Return the name of an entry of a directory, without the slash that marks directories of object stores.

    Raises:
        UnsafeArchive: it leads out of the directory. The key of an object in a store can hold "..".
    """
    stripped = name.rstrip("/")
    if stripped in ("", ".", "..") or set(stripped) & {"/", os.sep, "\0"}:
        raise UnsafeArchive(f"{quote_url(directory)} is refused: its file {quote(name)} is not in the directory.")
    return stripped


def _list_directory(path: str) -> list[str]:
    """List a directory of a file system that TensorFlow knows."""
    tf = tf_internals.import_tensorflow()
    try:
        if tf.io.gfile.isdir(path):
            return list(tf.io.gfile.listdir(path))
        is_file = tf.io.gfile.exists(path)
    except tf.errors.UnimplementedError as error:
        scheme = path.partition("://")[0]
        raise LocationUnreadable(
            f"{quote_url(path)} cannot be loaded: TensorFlow {tf.__version__} has no file system for {scheme}:// "
            f"({error.message}).\nLet the model be copied to this machine: set REHUB_CACHE_DIR to a directory "
            "here, and unset TFHUB_MODEL_LOAD_FORMAT if it is UNCOMPRESSED. Or import a package that gives "
            "TensorFlow this file system, such as tensorflow_io for s3://."
        ) from error
    except tf.errors.OpError as error:
        raise OSError(f"{type(error).__name__}: {error.message}") from error
    raise NotADirectoryError(path) if is_file else FileNotFoundError(path)
