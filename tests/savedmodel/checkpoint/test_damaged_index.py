"""Indices of checkpoints whose blocks are in order and whose records contradict each other: each is refused by name."""

from __future__ import annotations

import pytest
from sorted_tables import block_of, footer_of, table_of, with_trailer
from wire_messages import field

from rehub.errors import CorruptModel
from rehub.savedmodel.checkpoint import read_checkpoint
from rehub.savedmodel.checkpoint.tensor_slices import TensorSlice

FLOAT = 1
HEADER = field(1, 1)  # BundleHeaderProto: one data file


def shape(*sizes):
    return b"".join(field(2, field(1, size)) for size in sizes)


def part(start, length):
    """A TensorSliceProto of one dimension."""
    return field(1, (field(1, start) if start else b"") + field(2, length))


def entry(sizes, *, size=None, shard=0, slices=()):
    """A BundleEntryProto of float32 numbers."""
    record = field(1, FLOAT) + field(2, shape(*sizes)) + b"".join(field(7, each) for each in slices)
    record += field(3, shard) if shard else b""
    return record if slices else record + field(5, 4 * sizes[0] if size is None else size)


def slice_key(start, length):
    return TensorSlice((start,), (length,)).key("w")


HALVES = [part(0, 2), part(2, 2)]
DAMAGED = {
    "no data file": ({b"": b"", b"w": entry([4])}, "data file"),
    "a data file after the last": ({b"": HEADER, b"w": entry([4], shard=1)}, "data file"),
    "a name that is not text": ({b"": HEADER, b"w\xff": entry([4])}, "UTF-8"),
    "fewer bytes than its numbers take": ({b"": HEADER, b"w": entry([4], size=15)}, "15 bytes"),
    "a slice twice": ({b"": HEADER, b"w": entry([4], slices=[part(0, 2)] * 2)}, "twice"),
    "a slice outside of its variable": ({b"": HEADER, b"w": entry([4], slices=[part(3, 2)])}, "shape"),
    "a slice without a value": ({b"": HEADER, slice_key(0, 2): entry([2]), b"w": entry([4], slices=HALVES)}, "slice"),
    "a slice of another shape": (
        {b"": HEADER, slice_key(0, 2): entry([2]), slice_key(2, 2): entry([3]), b"w": entry([4], slices=HALVES)},
        "shape",
    ),
}


def write_index(prefix, records):
    entries = [(0, key, value) for key, value in sorted(records.items())]
    prefix.with_name(prefix.name + ".index").write_bytes(table_of(block_of(entries)))
    return str(prefix)


def test_records_that_agree_are_read(tmp_path):
    records = {b"": HEADER, slice_key(0, 2): entry([2]), slice_key(2, 2): entry([2]), b"w": entry([4], slices=HALVES)}
    found = read_checkpoint(write_index(tmp_path / "model", records)).entries["w"]
    assert (found.dtype, found.shape, len(found.parts)) == ("float32", (4,), 2)


@pytest.mark.parametrize("fault", DAMAGED)
def test_records_that_contradict_each_other_are_refused(fault, tmp_path):
    records, reason = DAMAGED[fault]
    with pytest.raises(CorruptModel, match=reason):
        read_checkpoint(write_index(tmp_path / "model", records))


def test_a_place_of_a_block_that_does_not_end_is_refused(tmp_path):
    footer = footer_of(0, 0)
    (tmp_path / "model.index").write_bytes(table_of(block_of([]))[:-48] + b"\xff" * 40 + footer[40:])
    with pytest.raises(CorruptModel):
        read_checkpoint(str(tmp_path / "model"))


def test_a_place_in_the_index_that_does_not_end_is_refused(tmp_path):
    index = block_of([(0, b"key", b"\x80")])
    (tmp_path / "model.index").write_bytes(with_trailer(index) + footer_of(0, len(index)))
    with pytest.raises(CorruptModel, match="block"):
        read_checkpoint(str(tmp_path / "model"))
