"""A checkpoint, read without TensorFlow: what is in it, and the values that are asked for.

`index` reads the `.index`, which is a `sorted_table` in blocks that may be compressed by `snappy`; `values` reads the
`.data-*` files. Checksums are crc32c.
"""

from __future__ import annotations

from rehub.savedmodel.checkpoint.entries import CheckpointEntry, TensorPart
from rehub.savedmodel.checkpoint.index import OBJECT_GRAPH, Checkpoint, read_checkpoint

__all__ = ["OBJECT_GRAPH", "Checkpoint", "CheckpointEntry", "TensorPart", "read_checkpoint"]
