"""A checkpoint, read without TensorFlow: what is in it from its `.index`, and values from its `.data-*` when asked."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping

from rehub.errors import CorruptModel
from rehub.savedmodel.checkpoint.sorted_table import read_table
from rehub.savedmodel.checkpoint.tensor_slices import TensorSlice, read_slice
from rehub.savedmodel.dtypes import dtype_name, dtype_size
from rehub.savedmodel.file_kinds import is_lfs_pointer, lfs_pointer_advice
from rehub.savedmodel.protos import (
    BundleEntryProto,
    BundleHeaderProto,
    Dim,
    SerializedTensor,
    TensorShapeProto,
    TrackableObject,
    TrackableObjectGraph,
)
from rehub.savedmodel.wire import FIXED32, VARINT, Message, WireError, read_strictly

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


@dataclass(frozen=True)
class Part:
    """A tensor's bytes, or those of a slice of it.

    Attributes:
        starts: where the slice starts in each dimension.
        sizes: its shape.
        shard: the number of the data file.
        offset: where it starts there.
        bytes: how long it is there.
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
        """How many there are in it."""
        return _multiply_sizes(self.sizes)


@dataclass(frozen=True)
class CheckpointEntry:
    """A tensor of a checkpoint.

    Attributes:
        key: of a variable of TF1 its name in the graph; of one of TF2 the path to it in the object, such as
            "encoder/kernel/.ATTRIBUTES/VARIABLE_VALUE".
        dtype: TensorFlow's name of its type.
        shape: its sizes.
        parts: where its value lies: in one part, or of a partitioned variable in one for each slice.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    parts: tuple[Part, ...] = field(repr=False)

    @property
    def elements(self) -> int:
        """How many there are in it."""
        return _multiply_sizes(self.shape)

    @property
    def bytes(self) -> int:
        """What it takes in the data files."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True)
class Checkpoint:
    """What lies in a checkpoint.

    Attributes:
        prefix: the start of its files' names, such as "model/variables/variables".
        entries: its tensors by their keys, sorted.
        shards: how many data files there are.
        is_big_endian: whether the most significant byte of a number comes first in them.
    """

    prefix: str
    entries: Mapping[str, CheckpointEntry]
    shards: int
    is_big_endian: bool = False

    def value(self, key: str, rows: tuple[int, int] | None = None) -> Any:
        """Read a tensor.

        Args:
            key: its name in the checkpoint.
            rows: the first of them, in its first dimension, and the one after the last; all where it is not given.

        Returns:
            A NumPy array: of strings one of `bytes` objects, of a type that NumPy lacks one of the next larger type
            that it has, such as float32 for bfloat16.

        Raises:
            KeyError: there is no such tensor.
            CorruptModel: a data file is missing or too short, or a checksum says that it has changed.
            UnsupportedFormat: it is of a type that has no value outside TensorFlow.
        """
        from rehub.savedmodel.checkpoint.values import TensorReader

        return TensorReader(self, self.entries[key]).read(rows)

    def full_names(self) -> dict[str, str]:
        """Return the names that the variables of a TF2 object have in its graph, by their keys; empty in TF1.

        Raises:
            CorruptModel: the record of the object in the checkpoint cannot be read.
        """
        entry = self.entries.get(OBJECT_GRAPH)
        if entry is None or entry.dtype != "string" or entry.shape:
            return {}
        recorded = self.value(OBJECT_GRAPH).item()
        return read_strictly(f"{self.prefix}.index", lambda: _read_full_names(Message(recorded)), "a checkpoint")


_MAX_RANK, _MAX_ELEMENTS = 254, 1 << 56  # TensorFlow's, and what is left of an array's once each takes some bytes


def read_checkpoint(prefix: str) -> Checkpoint:
    """Read what is in a checkpoint; its values are read when they are asked for.

    Args:
        prefix: the start of its files' names: of a SavedModel, its directory and "variables/variables".

    Raises:
        FileNotFoundError: there is no `.index` of this name. A model without variables has none.
        CorruptModel: it is cut off, garbled, or no index of a checkpoint; names the file and the byte.
    """
    path = f"{os.fspath(prefix)}.index"
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise  # It need not be an error: a model without variables has none.
    except OSError as error:
        raise CorruptModel(f"{path!r} cannot be read: {error.strerror}.") from error
    if is_lfs_pointer(content):
        raise CorruptModel(lfs_pointer_advice(path))
    return read_strictly(path, lambda: _read_index(os.fspath(prefix), dict(read_table(path, content))), "a checkpoint")


def _read_index(prefix: str, records: dict[bytes, bytes]) -> Checkpoint:
    header = Message(records.pop(b"", b""))
    shards = max(header.integers(BundleHeaderProto.num_shards), default=0)
    if shards == 0:
        raise WireError("it says of no data file where the values are")
    entries = {}
    for key, content in records.items():
        if not key.startswith(b"\x00"):  # what a slice's key starts with
            entry = _read_entry(key, content, records)
            if any(part.shard >= shards for part in entry.parts):
                raise WireError(f"{entry.key!r} lies in a data file after the last, of {shards}")
            entries[entry.key] = entry
    return Checkpoint(prefix, entries, shards, is_big_endian=any(header.integers(BundleHeaderProto.endianness)))


@dataclass
class _Record:
    """A BundleEntryProto."""

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    checksum: int = 0
    slices: tuple[TensorSlice, ...] = ()


def _read_entry(key: bytes, content: bytes, records: Mapping[bytes, bytes]) -> CheckpointEntry:
    try:
        name = key.decode()
    except UnicodeDecodeError as error:
        raise WireError(f"the name {key[:100]!r} is not UTF-8") from error
    whole = _read_record(content)
    if not whole.slices:
        parts = [_make_part(name, whole, whole.dtype, whole.shape, (0,) * len(whole.shape))]
    else:
        parts = []
        if len(set(whole.slices)) < len(whole.slices):
            raise WireError(f"{name!r} has a slice twice")
        for each in whole.slices:
            sizes = each.sizes_in(whole.shape)
            if sizes is None:
                raise WireError(f"a slice of {name!r} leaves its shape {whole.shape}")
            if each.key(name) not in records:
                raise WireError(f"a slice of {name!r}, {sizes} at {each.starts}, is not there")
            record = _read_record(records[each.key(name)])
            if record.slices or record.shape != sizes:
                raise WireError(f"a slice of {name!r} has the shape {record.shape} instead of {sizes}")
            parts.append(_make_part(name, record, whole.dtype, sizes, each.starts))
    return CheckpointEntry(name, dtype_name(whole.dtype), whole.shape, tuple(parts))


def _make_part(name: str, record: _Record, dtype: int, sizes: tuple[int, ...], starts: tuple[int, ...]) -> Part:
    part = Part(starts, sizes, record.shard, record.offset, record.size, record.checksum)
    size = dtype_size(dtype_name(dtype))
    # Each string takes one byte or more, of its length.
    if record.dtype != dtype or (part.bytes < part.elements if size is None else part.bytes != size * part.elements):
        raise WireError(f"{name!r} of the type {dtype_name(dtype)!r} and shape {sizes} is to take {part.bytes} bytes")
    return part


def _multiply_sizes(sizes: Iterable[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


def _read_record(content: bytes) -> _Record:
    record = _Record()
    slices = []
    message = Message(content)
    for number, kind, value in message.fields():
        if kind == VARINT and isinstance(value, int):
            if value >= 1 << 63:
                raise WireError(f"field {number} is negative")
            if number == BundleEntryProto.dtype:
                record.dtype = value
            elif number == BundleEntryProto.shard_id:
                record.shard = value
            elif number == BundleEntryProto.offset:
                record.offset = value
            elif number == BundleEntryProto.size:
                record.size = value
        elif isinstance(value, tuple):
            piece = content[slice(*value)]
            if number == BundleEntryProto.shape:
                record.shape = _read_shape(Message(piece))
            elif number == BundleEntryProto.crc32c and kind == FIXED32:
                record.checksum = int.from_bytes(piece, "little")
            elif number == BundleEntryProto.slices:
                slices.append(read_slice(piece))
    record.slices = tuple(slices)
    return record


def _read_shape(shape: Message) -> tuple[int, ...]:
    if any(shape.integers(TensorShapeProto.unknown_rank)):
        raise WireError("a shape has no rank")
    sizes = [max(dimension.integers(Dim.size), default=0) for dimension in shape.messages(TensorShapeProto.dim)]
    if len(sizes) > _MAX_RANK or _multiply_sizes(size or 1 for size in sizes) > _MAX_ELEMENTS:
        raise WireError(f"a shape of rank {len(sizes)} is no tensor's")
    return tuple(sizes)


def _read_full_names(graph: Message) -> dict[str, str]:
    names = {}
    for node in graph.messages(TrackableObjectGraph.nodes):
        for attribute in node.messages(TrackableObject.attributes):
            key, name = attribute.text(SerializedTensor.checkpoint_key), attribute.text(SerializedTensor.full_name)
            if key and name:
                names[key] = name
    return names
