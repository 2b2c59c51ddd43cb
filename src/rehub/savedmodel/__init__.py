"""What a SavedModel directory holds, read without TensorFlow.

`look` tells which files a directory has, `read_metagraphs` which graph variants, signatures and ops are in its
`saved_model.pb`, and `provider_of` which package brings an op that plain TensorFlow lacks. The rest is imported when it
is needed: `forms` reads a model's file in each of its forms, and `checkpoint` its values; `inspecting`, `scanning` and
`comparing` tell what a model holds, what it could do to a machine, and how it differs from another.
"""

from __future__ import annotations

from rehub.savedmodel.layout import Layout, look
from rehub.savedmodel.metagraphs import MetaGraph, graph_variant, read_metagraphs, tag_set
from rehub.savedmodel.ops import Provider, provider_of
from rehub.savedmodel.signatures import SignatureInfo, TensorInfo

__all__ = [
    "Layout",
    "MetaGraph",
    "Provider",
    "SignatureInfo",
    "TensorInfo",
    "graph_variant",
    "look",
    "provider_of",
    "read_metagraphs",
    "tag_set",
]
