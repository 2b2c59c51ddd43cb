"""Files that are a row each: images and texts. The columns are `path` and `content`."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import Chunk, collect_rows
from rehub.batch_inference.reading.files import InputFile, describe_failure, read_file


def plan_file(file: InputFile, limit: ShardLimit) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the file as one slice, and the columns."""
    del limit
    pa = import_pyarrow()
    return [Slice(file.path, file.stamp, 0, file.size, 1)], {"path": pa.string(), "content": pa.binary()}


def read_slice(part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the file as one row."""
    row: Any = {"path": part.path}
    try:
        row["content"] = read_file(part.path)
    except OSError as error:
        # The path stays, so that a reader of the output finds the file.
        chunk = Chunk({name: [row.get(name)] for name in columns}, 1)
        chunk.errors.add(0, "file", describe_failure(part.path, error))
        yield chunk
        return
    yield from collect_rows([(row, len(row["content"]))], columns)
