"""A checkpoint, read without TensorFlow: what is in it from its `.index`, and values from its `.data-*` when asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from rehub.errors import CorruptModel
from rehub.savedmodel.checkpoint.entries import CheckpointEntry, TensorPart, multiply_sizes
from rehub.savedmodel.checkpoint.sorted_table import read_table
from rehub.savedmodel.checkpoint.tensor_slices import TensorSlice, read_slice
from rehub.savedmodel.dtypes import dtype_name, dtype_size
from rehub.savedmodel.file_kinds import is_lfs_pointer, lfs_pointer_advice
from rehub.savedmodel.protos import (
    BundleEntryProto,
    BundleHeaderProto,
    SerializedTensor,
    TrackableObject,
    TrackableObjectGraph,
)
from rehub.savedmodel.shapes import read_shape
from rehub.savedmodel.wire import FIXED32, VARINT, Message, WireError, read_strictly

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint.

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

        return TensorReader(self.prefix, self.shards, self.is_big_endian, self.entries[key]).read(rows)

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


_MAX_ELEMENTS = 1 << 56  # An array of NumPy has up to 1 << 63 bytes, and each element takes some.


def read_checkpoint(prefix: str) -> Checkpoint:
    """Read what is in a checkpoint; its values are read when they are asked for.

    Args:
        prefix: the start of its files' names: of a SavedModel, its directory and "variables/variables".

    Raises:
        FileNotFoundError: there is no `.index` of this name. A model without variables has none.
        CorruptModel: it is cut off, garbled, or not the index of a checkpoint; names the file and the byte.
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
        raise WireError("it names no data file")
    entries = {}
    for key, content in records.items():
        if not key.startswith(b"\x00"):  # what a slice's key starts with
            entry = _read_entry(key, content, records)
            if any(part.shard >= shards for part in entry.parts):
                raise WireError(f"{entry.key!r} is in a data file after the last of {shards}")
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


def _make_part(name: str, record: _Record, dtype: int, sizes: tuple[int, ...], starts: tuple[int, ...]) -> TensorPart:
    part = TensorPart(starts, sizes, record.shard, record.offset, record.size, record.checksum)
    size = dtype_size(dtype_name(dtype))
    # Each string takes one byte or more, of its length.
    if record.dtype != dtype or (part.bytes < part.elements if size is None else part.bytes != size * part.elements):
        raise WireError(f"{name!r} of the type {dtype_name(dtype)!r} and shape {sizes} cannot take {part.bytes} bytes")
    return part


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
                record.shape = _read_known_shape(Message(piece))
            elif number == BundleEntryProto.crc32c and kind == FIXED32:
                record.checksum = int.from_bytes(piece, "little")
            elif number == BundleEntryProto.slices:
                slices.append(read_slice(piece))
    record.slices = tuple(slices)
    return record


def _read_known_shape(message: Message) -> tuple[int, ...]:
    shape = read_shape(message)
    if shape is None or None in shape:
        raise WireError("the shape of a tensor is not known")
    sizes = tuple(size or 0 for size in shape)
    if multiply_sizes(size or 1 for size in sizes) > _MAX_ELEMENTS:
        raise WireError(f"a shape of rank {len(sizes)} has too many elements")
    return sizes


def _read_full_names(graph: Message) -> dict[str, str]:
    names = {}
    for node in graph.messages(TrackableObjectGraph.nodes):
        for attribute in node.messages(TrackableObject.attributes):
            key, name = attribute.text(SerializedTensor.checkpoint_key), attribute.text(SerializedTensor.full_name)
            if key and name:
                names[key] = name
    return names
