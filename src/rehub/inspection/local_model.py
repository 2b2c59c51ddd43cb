"""Find, download and open a model: the first step of `hub.inspect` and `hub.scan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehub import resolvers
from rehub.errors import LocationUnreadable
from rehub.escaping import quote_url
from rehub.redaction import label_model
from rehub.savedmodel.encodings import read_model_bytes
from rehub.savedmodel.layout import Layout, detect_layout
from rehub.savedmodel.wire import Buffer


@dataclass(frozen=True)
class LocalModel:
    """A model in a local directory.

    Attributes:
        label: the handle without secrets, for messages.
        layout: its directory, and the model files in it.
        content: its model file, as the bytes of a `saved_model.pb`.
    """

    label: str
    layout: Layout
    content: Buffer


def open_model(handle: Any) -> LocalModel:
    """Find a model, download it if it is not in the cache, and open its file.

    Raises:
        ModelNotFound: the directory has no model; says what it has.
        UnsupportedFormat: the model has another format; says what loads it.
        LocationUnreadable: the model is in an object store, and not copied to this machine.
        CorruptModel: the file is damaged. Damage of a `saved_model.pb` is found only when it is read.
    """
    path = resolvers.resolve(handle)
    label = label_model(handle, path)
    if "://" in path:
        raise LocationUnreadable(
            f"{label!r} is in an object store, at {quote_url(path)}. It can be read only on this machine: set "
            "REHUB_CACHE_DIR to a local directory, and unset TFHUB_MODEL_LOAD_FORMAT if it is UNCOMPRESSED."
        )
    layout = detect_layout(path, label)
    return LocalModel(label, layout, read_model_bytes(layout))
