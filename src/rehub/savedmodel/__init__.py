"""What a SavedModel directory holds, read without TensorFlow.

`look` tells which files a directory has, `read_metagraphs` which graph variants, signatures and ops are in its
`saved_model.pb`, `provider_of` which package brings an op that plain TensorFlow lacks, and `inspection.inspect` all of
that together, and more.
"""

from __future__ import annotations

from rehub.savedmodel.layout import Layout, look
from rehub.savedmodel.metagraphs import MetaGraph, Signature, TensorSlot, read_metagraphs
from rehub.savedmodel.ops import Provider, provider_of

__all__ = ["Layout", "MetaGraph", "Provider", "Signature", "TensorSlot", "look", "provider_of", "read_metagraphs"]
