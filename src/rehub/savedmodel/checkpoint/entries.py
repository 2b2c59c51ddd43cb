"""The tensors of a checkpoint, and where their bytes are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable


@dataclass(frozen=True)
class TensorPart:
    """A tensor's bytes, or those of a slice of it.

    Attributes:
        starts: where the slice starts in each dimension.
        sizes: its shape.
        shard: the number of the data file.
        offset: where it starts there.
        bytes: how many bytes it takes there.
        checksum: the masked crc32c of the value.
    """

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    shard: int
    offset: int
    bytes: int
    checksum: int

    @property
    def elements(self) -> int:
        """The number of elements."""
        return multiply_sizes(self.sizes)


@dataclass(frozen=True)
class CheckpointEntry:
    """A tensor of a checkpoint.

    Attributes:
        key: of a variable of TF1 its name in the graph; of one of TF2 the path to it in the object, such as
            "encoder/kernel/.ATTRIBUTES/VARIABLE_VALUE".
        parts: where its value is: in one part, or of a partitioned variable in one part for each slice.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    parts: tuple[TensorPart, ...] = field(repr=False)

    @property
    def elements(self) -> int:
        """The number of elements."""
        return multiply_sizes(self.shape)

    @property
    def bytes(self) -> int:
        """The bytes that it takes in the data files."""
        return sum(part.bytes for part in self.parts)


def multiply_sizes(sizes: Iterable[int]) -> int:
    """Return the product of sizes: how many elements a tensor has."""
    product = 1
    for size in sizes:
        product *= size
    return product
