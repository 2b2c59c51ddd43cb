"""A model whose files are read here: what `hub.inspect` and `hub.scan` begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rehub import resolvers
from rehub.errors import LocationUnreadable
from rehub.escaping import quote_url
from rehub.redaction import redact_url
from rehub.savedmodel.encodings import saved_model_bytes
from rehub.savedmodel.layout import Layout, look
from rehub.savedmodel.wire import Buffer


@dataclass(frozen=True)
class LocalModel:
    """A model in a directory of this machine.

    Attributes:
        label: the handle, for messages: without its secrets.
        layout: its directory, and which files of a model that has.
        content: what its model file holds, as the bytes of a `saved_model.pb`.
    """

    label: str
    layout: Layout
    content: Buffer


def open_model(handle: Any) -> LocalModel:
    """Finds a model, downloads it before if need be, and opens its file.

    Raises:
        ModelNotFound: there is no model; says what is there instead.
        UnsupportedFormat: there is a model of another kind; says what loads it.
        LocationUnreadable: it is in an object store, and not copied to this machine.
        CorruptModel: the file is damaged; of a `saved_model.pb` that shows when it is read.
    """
    path = resolvers.resolve(handle)
    label = redact_url(handle) if isinstance(handle, str) else str(path)
    if "://" in path:
        raise LocationUnreadable(
            f"{label!r} lies in an object store, at {quote_url(path)}. Let it be copied to this machine to look into "
            "it: set REHUB_CACHE_DIR to a directory here, and unset TFHUB_MODEL_LOAD_FORMAT if it is UNCOMPRESSED."
        )
    layout = look(path, label)
    return LocalModel(label, layout, saved_model_bytes(layout))
