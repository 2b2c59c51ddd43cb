"""Load a ModuleSpec from a handle."""

from __future__ import annotations

import os
from typing import Any

from rehub import resolvers, restore, tf_internals
from rehub.errors import InvalidSetting, ModelNotFound, UnsupportedFormat
from rehub.legacy.marker import check_marker, get_module_proto_path
from rehub.legacy.saved_model import read_trusted_variants, variables_prefix
from rehub.legacy.spec import ModuleSpec, make_module_spec
from rehub.redaction import label_model
from rehub.savedmodel import read_metagraphs
from rehub.savedmodel.layout import LEGACY_MARK


def as_module_spec(spec: Any) -> ModuleSpec:
    """Return a spec as it is, or load the one that a handle names.

    Raises:
        InvalidSetting: it is neither a ModuleSpec nor a handle.
    """
    if isinstance(spec, ModuleSpec):
        return spec
    if isinstance(spec, (str, os.PathLike)):
        return load_module_spec(spec)
    raise InvalidSetting(f"Unknown module spec type: {type(spec)}. Expected a hub.ModuleSpec, a URL or a path.")


def load_module_spec(path: Any) -> ModuleSpec:
    """Load the contents of a legacy module, after downloading it if necessary.

    Args:
        path: a URL, a path, or any other handle that `hub.resolve` takes.

    Raises:
        ModelNotFound: the directory has no model; the message says what it contains.
        UnsupportedFormat: the model is not a legacy module; the message says what loads it.
        CorruptModel: a file of the module is damaged.
        UnsafeModel: the module has ops that could do harm, and REHUB_TRUST refuses them.
        MissingOp: a newer TensorFlow wrote the module, and it cannot be rewritten for the running one.
    """
    directory = resolvers.resolve(path)
    label = label_model(path, directory)
    tf = tf_internals.import_tensorflow()
    try:
        layout = restore.detect_layout_anywhere(directory, label)
    except ModelNotFound:
        # A module of a future format may have other files. Its marker explains more than the missing files do.
        if tf.io.gfile.exists(get_module_proto_path(directory)):
            check_marker(label, directory)
        raise
    if not layout.is_legacy:
        raise UnsupportedFormat(_explain_other_format(label, directory, layout.model_file))
    check_marker(label, directory)
    return make_module_spec(read_trusted_variants(layout, label), variables_prefix(layout.path), label, layout)


def _explain_other_format(label: str, directory: str, model_file: str) -> str:
    lead = f"{label!r} is not a legacy module: there is no {LEGACY_MARK} beside its {model_file}. "
    if model_file.endswith(".pb") and restore.is_local(directory):
        if any(metagraph.has_objects for metagraph in read_metagraphs(os.path.join(directory, model_file))):
            return lead + "It is a TF2 SavedModel: load it by hub.load(...) or hub.KerasLayer(...)."
        return lead + (
            "It is a TF1 SavedModel: make a spec of it by hub.create_module_spec_from_saved_model(...), or load it "
            "by hub.load(...) or hub.KerasLayer(...)."
        )
    return lead + "Load it by hub.load(...) or hub.KerasLayer(...)."
