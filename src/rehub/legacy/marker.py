"""`tfhub_module.pb`: the file that marks a directory as a legacy module, and has the version of its format."""

from __future__ import annotations

import posixpath

from rehub import tf_internals
from rehub.errors import CorruptModel, InvalidModule
from rehub.savedmodel.file_kinds import is_lfs_pointer, lfs_pointer_advice
from rehub.savedmodel.layout import LEGACY_MARK

_FORMAT_V3 = 3


def make_marker() -> bytes:
    """Return the content of a module's `tfhub_module.pb`."""
    from rehub.legacy.protos import ModuleDef

    return bytes(ModuleDef(format=ModuleDef.FORMAT_V3).SerializeToString())


def get_module_proto_path(module_dir: str) -> str:
    """Return the path of a module's `tfhub_module.pb`."""
    return posixpath.join(module_dir, LEGACY_MARK)


def check_marker(label: str, directory: str) -> None:
    """Make sure that rehub knows the format of a module.

    Raises:
        CorruptModel: the file is damaged.
        InvalidModule: it has a format, or requires a feature, that rehub does not know.
    """
    from rehub.legacy.protos import ModuleDef

    path = get_module_proto_path(directory)
    with tf_internals.import_tensorflow().io.gfile.GFile(path, "rb") as file:
        content = file.read()
    marker = ModuleDef()
    if is_lfs_pointer(content):
        raise CorruptModel(f"{label!r} cannot be loaded: {lfs_pointer_advice(path)}")
    try:
        marker.ParseFromString(content)
    except Exception as error:
        # protobuf's DecodeError. Its class differs between versions of protobuf.
        raise CorruptModel(f"{label!r}: its {LEGACY_MARK} cannot be parsed: {error}.") from error
    if marker.format != _FORMAT_V3:
        raise InvalidModule(
            f"{label!r}: Unsupported module def format: {marker.format}, in its {LEGACY_MARK}. Expected {_FORMAT_V3}."
        )
    if marker.required_features:
        raise InvalidModule(
            f"{label!r} needs features that no version of the format has: Unsupported features: "
            f"{sorted(marker.required_features)}."
        )
