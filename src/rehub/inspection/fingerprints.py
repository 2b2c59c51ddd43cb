"""The `fingerprint.pb` of a model, which identifies its contents."""

from __future__ import annotations

import os

from rehub.inspection.model_info import FingerprintInfo
from rehub.savedmodel.encodings import map_file
from rehub.savedmodel.protos import FingerprintDef, VersionDef
from rehub.savedmodel.wire import Message, read_strictly


def read_fingerprint(directory: str) -> FingerprintInfo | None:
    """Return the fingerprint of the model in a directory; None if it has none.

    Raises:
        CorruptModel: the file cannot be read.
    """
    path = os.path.join(directory, "fingerprint.pb")
    if not os.path.isfile(path):
        return None
    content = map_file(path)
    return read_strictly(path, lambda: _read_message(Message(content)), "a fingerprint")


def _read_message(message: Message) -> FingerprintInfo:
    return FingerprintInfo(
        saved_model_checksum=message.integer(FingerprintDef.saved_model_checksum),
        graph_def_program_hash=message.integer(FingerprintDef.graph_def_program_hash),
        signature_def_hash=message.integer(FingerprintDef.signature_def_hash),
        saved_object_graph_hash=message.integer(FingerprintDef.saved_object_graph_hash),
        checkpoint_hash=message.integer(FingerprintDef.checkpoint_hash),
        version=message.message(FingerprintDef.version).integer(VersionDef.producer),
    )
