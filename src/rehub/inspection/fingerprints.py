"""The `fingerprint.pb` of a model, which identifies its contents.

The numbers are those of the fields in TensorFlow's fingerprint.proto and versions.proto.
"""

from __future__ import annotations

import os

from rehub.inspection.model_info import FingerprintInfo
from rehub.savedmodel.encodings import map_file
from rehub.savedmodel.wire import Message, strictly

_CHECKSUM, _PROGRAM_HASH, _SIGNATURE_HASH, _OBJECTS_HASH, _CHECKPOINT_HASH, _VERSION = range(1, 7)
_PRODUCER = 1


def read_fingerprint(directory: str) -> FingerprintInfo | None:
    """Return the fingerprint of the model in a directory; None if it has none.

    Raises:
        CorruptModel: the file cannot be read.
    """
    path = os.path.join(directory, "fingerprint.pb")
    if not os.path.isfile(path):
        return None
    content = map_file(path)
    return strictly(path, lambda: _read_message(Message(content)), "a fingerprint")


def _read_message(message: Message) -> FingerprintInfo:
    return FingerprintInfo(
        saved_model_checksum=message.integer(_CHECKSUM),
        graph_def_program_hash=message.integer(_PROGRAM_HASH),
        signature_def_hash=message.integer(_SIGNATURE_HASH),
        saved_object_graph_hash=message.integer(_OBJECTS_HASH),
        checkpoint_hash=message.integer(_CHECKPOINT_HASH),
        version=message.message(_VERSION).integer(_PRODUCER),
    )
