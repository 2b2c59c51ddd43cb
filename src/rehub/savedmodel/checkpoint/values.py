"""Values of a checkpoint's tensors, read from its data files into NumPy's arrays.

No more is read, and no more memory allocated, than the files hold: the claims of an index are checked first.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import struct
from typing import TYPE_CHECKING, Any, NoReturn

from rehub.errors import CorruptModel, PackageMissing, UnsupportedFormat
from rehub.savedmodel.checkpoint.crc32c import Checksum
from rehub.savedmodel.dtypes import dtype_size
from rehub.savedmodel.wire import WireError, read_varint

if TYPE_CHECKING:
    from typing_extensions import Literal

    from rehub.savedmodel.checkpoint.entries import CheckpointEntry, TensorPart

_CHUNK = 1 << 20
_MAX_RANK = 32  # of an array in NumPy 1
# Types that NumPy lacks, and those that it has in their place.
_WIDER = {
    "bfloat16": "float32",
    "float8_e5m2": "float32",
    "float8_e4m3fn": "float32",
    "float8_e4m3fnuz": "float32",
    "float8_e4m3b11fnuz": "float32",
    "float8_e5m2fnuz": "float32",
    "float4_e2m1fn": "float32",
    "int4": "int8",
    "uint4": "uint8",
    "int2": "int8",
    "uint2": "uint8",
}
_QUANTIZED = ("qint8", "quint8", "qint16", "quint16", "qint32")


class TensorReader:
    """A reader of one tensor of a checkpoint.

    Raises:
        UnsupportedFormat: it is of a type that has no value outside TensorFlow.
        PackageMissing: NumPy is not installed.
    """

    def __init__(self, prefix: str, shards: int, is_big_endian: bool, entry: CheckpointEntry) -> None:
        self._prefix, self._shards = prefix, shards
        self._entry = entry
        self._order: Literal["<", ">"] = ">" if is_big_endian else "<"
        if importlib.util.find_spec("numpy") is None:
            raise PackageMissing(f"{self._tensor_label} is read into an array of NumPy: pip install numpy")
        if len(entry.shape) > _MAX_RANK:
            raise UnsupportedFormat(f"{self._tensor_label} has {len(entry.shape)} dimensions; NumPy has {_MAX_RANK}.")
        if entry.dtype != "string" and dtype_size(entry.dtype) is None:
            raise UnsupportedFormat(f"{self._tensor_label} is a {entry.dtype}, which has no value outside TensorFlow.")

    @property
    def _tensor_label(self) -> str:
        return f"{self._entry.key!r} in the checkpoint {self._prefix!r}"

    def read(self, rows: tuple[int, int] | None) -> Any:
        """Read the tensor or some of its rows; see `Checkpoint.value`.

        Raises:
            CorruptModel: a data file does not hold it.
        """
        first, last = rows or (0, self._entry.shape[0] if self._entry.shape else 1)
        parts = self._entry.parts
        if len(parts) == 1 and parts[0].sizes == self._entry.shape:
            return self._read_rows(parts[0], first, last)
        return self._merge_parts(first, last)

    def _merge_parts(self, first: int, last: int) -> Any:
        """Put rows of a partitioned variable's slices together."""
        import numpy as np

        entry = self._entry
        there = sum(os.path.getsize(self._shard_path(shard)) for shard in {part.shard for part in entry.parts})
        if not entry.shape or sum(part.elements for part in entry.parts) != entry.elements or entry.bytes > there:
            self._raise_corrupt("its slices do not make up the whole")
        merged = np.zeros((last - first, *entry.shape[1:]), _find_numpy_dtype(entry.dtype))
        is_there = np.zeros(merged.shape, bool)
        for part in entry.parts:
            start, stop = max(first, part.starts[0]), min(last, part.starts[0] + part.sizes[0])
            if start < stop:
                others = (slice(begin, begin + size) for begin, size in zip(part.starts[1:], part.sizes[1:]))
                place = (slice(start - first, stop - first), *others)
                if is_there[place].any():
                    self._raise_corrupt("two of its slices overlap")
                merged[place] = self._read_rows(part, start - part.starts[0], stop - part.starts[0])
                is_there[place] = True
        return merged

    def _read_rows(self, part: TensorPart, first: int, last: int) -> Any:
        if self._entry.dtype == "string":
            return self._read_strings(part)[first:last] if part.sizes else self._read_strings(part)
        sizes = (last - first, *part.sizes[1:]) if part.sizes else ()
        row = part.bytes // part.sizes[0] if part.sizes and part.sizes[0] else part.bytes
        raw, checksum = self._read_bytes(part, row * first, row * (last - first) if part.sizes else row)
        if raw.size == part.bytes:
            self._check_checksum(part, checksum)
        return self._decode_values(raw).reshape(sizes)

    def _read_bytes(self, part: TensorPart, skipped: int, size: int) -> tuple[Any, Checksum]:
        """Read bytes of a part as an array of them, and their checksum."""
        import numpy as np

        path = self._shard_path(part.shard)
        there = os.path.getsize(path)
        if part.offset + part.bytes > there:
            self._raise_corrupt(f"{path!r} has {there} bytes, and it is to end at {part.offset + part.bytes}")
        raw = np.empty(size, np.uint8)
        checksum = Checksum()
        with open(path, "rb") as file:
            file.seek(part.offset + skipped)
            for start in range(0, size, _CHUNK):
                chunk = file.read(min(_CHUNK, size - start))
                if len(chunk) < min(_CHUNK, size - start):
                    self._raise_corrupt(f"{path!r} became shorter while it was read")
                raw[start : start + len(chunk)] = np.frombuffer(chunk, np.uint8)
                checksum.update(chunk)
        return raw, checksum

    def _decode_values(self, raw: Any) -> Any:
        import numpy as np

        dtype = self._entry.dtype
        target = _find_numpy_dtype(dtype)
        if dtype == "bfloat16":  # the upper half of a float32
            return (raw.view(f"{self._order}u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
        if dtype in _WIDER:
            return raw.view(self._widen_small_type()).astype(target)
        if dtype == "bool":
            return raw.astype(target)
        return raw.view(np.dtype(target).newbyteorder(self._order)).astype(target, copy=False)

    def _widen_small_type(self) -> Any:
        small = None
        if importlib.util.find_spec("ml_dtypes") is not None:
            small = getattr(importlib.import_module("ml_dtypes"), self._entry.dtype, None)
        if small is None:
            raise PackageMissing(f"{self._tensor_label} is a {self._entry.dtype}. To read it: pip install -U ml_dtypes")
        return small

    def _read_strings(self, part: TensorPart) -> Any:
        """Read strings: their lengths, four bytes of a checksum of these, and the strings one after the other."""
        import numpy as np

        raw, _ = self._read_bytes(part, 0, part.bytes)
        content = raw.tobytes()
        position, lengths, checksum = 0, [], Checksum()
        try:
            for _ in range(part.elements):
                length, position = read_varint(content, position, len(content))
                lengths.append(length)
                checksum.update(struct.pack(f"{self._order}{'I' if length < 1 << 32 else 'Q'}", length))
        except WireError as error:
            self._raise_corrupt(f"the length of a string: {error}")
        start = position + 4
        if start + sum(lengths) != len(content):
            self._raise_corrupt("its strings have other lengths than recorded")
        checksum.update(content[position:start])
        checksum.update(content[start:])
        self._check_checksum(part, checksum)
        strings = np.empty(part.elements, object)
        for number, length in enumerate(lengths):
            strings[number] = content[start : start + length]
            start += length
        return strings.reshape(part.sizes)

    def _check_checksum(self, part: TensorPart, checksum: Checksum) -> None:
        actual = checksum.masked()
        if actual is not None and actual != part.checksum:
            self._raise_corrupt(f"its checksum is {actual:#010x} instead of {part.checksum:#010x}")

    def _shard_path(self, shard: int) -> str:
        path = f"{self._prefix}.data-{shard:05d}-of-{self._shards:05d}"
        if not (os.path.isfile(path) and os.access(path, os.R_OK)):
            self._raise_corrupt(f"its data file {path!r} is missing, or may not be read")
        return path

    def _raise_corrupt(self, why: str) -> NoReturn:
        raise CorruptModel(f"{self._tensor_label} cannot be read: {why}. Copy or download the model again.")


def _find_numpy_dtype(dtype: str) -> str:
    if dtype == "string":
        return "object"
    return dtype[1:] if dtype in _QUANTIZED else _WIDER.get(dtype, dtype)
