"""A checkpoint, read without TensorFlow: what is in it, and the values that are asked for.

`index` reads the `.index`, which is a `sorted_table` in blocks that may be compressed by `snappy`; `values` reads the
`.data-*` files. Checksums are crc32c.
"""

from __future__ import annotations

from rehub.savedmodel.checkpoint.entries import CheckpointEntry as CheckpointEntry
from rehub.savedmodel.checkpoint.entries import TensorPart as TensorPart
from rehub.savedmodel.checkpoint.index import OBJECT_GRAPH as OBJECT_GRAPH
from rehub.savedmodel.checkpoint.index import Checkpoint as Checkpoint
from rehub.savedmodel.checkpoint.index import read_checkpoint as read_checkpoint
