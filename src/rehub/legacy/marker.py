"""Writing a module: the file that marks its format, and an export straight from a checkpoint."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Callable

from rehub import tf_internals
from rehub.legacy.module import Module
from rehub.savedmodel.layout import LEGACY_MARK

if TYPE_CHECKING:
    from rehub.legacy.spec import ModuleSpec


def marker() -> bytes:
    """Returns the content of the `tfhub_module.pb` of a module."""
    from rehub.legacy.protos import ModuleDef

    return bytes(ModuleDef(format=ModuleDef.FORMAT_V3).SerializeToString())


def get_module_proto_path(module_dir: str) -> str:
    """Returns the path of the file in a module's directory that marks its format."""
    return posixpath.join(module_dir, LEGACY_MARK)


def export_from_checkpoint(
    spec: ModuleSpec, path: str, checkpoint: str, name_in_checkpoint: Callable[[str], str]
) -> None:
    """Writes a module whose variables have the values of a checkpoint.

    Args:
        spec: the module.
        path: a directory that holds no model yet.
        checkpoint: path prefix of the checkpoint, or its directory.
        name_in_checkpoint: a variable's name in the module -> its name in the checkpoint.

    Raises:
        ValueError: the checkpoint lacks a variable, or has it in another shape; TensorFlow's message names it.
    """
    v1 = tf_internals.import_tensorflow().compat.v1
    with v1.Graph().as_default():
        module = Module(spec)
        assignment = {name_in_checkpoint(name): variable for name, variable in module.variable_map.items()}
        v1.train.init_from_checkpoint(checkpoint, assignment)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            module.export(path, session)
