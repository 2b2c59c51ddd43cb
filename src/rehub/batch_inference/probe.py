"""The probe: compute the first rows. That fixes the schema of the output, and finds what is wrong before the work."""

from __future__ import annotations

import logging
from typing import Any, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.outputs import OutputColumn
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.predictor import Predictor
from rehub.batch_inference.reading import Chunk
from rehub.batch_inference.row_errors import ERROR_COLUMN, RowErrors
from rehub.batch_inference.worker import load_predictor, read_shard
from rehub.batch_inference.writing import make_field
from rehub.errors import InputMismatch, OutputsNotAligned

_log = logging.getLogger(__name__)

_ROWS = 16
_ALONE = 4
_TOLERANCE = 0.01
_MOST_CHUNKS = 20


def probe_schema(plan: Plan, shards: Sequence[Shard], types: Mapping[str, Any], keep: Sequence[str]) -> bytes | None:
    """Return the schema of the output, in Arrow's IPC format; None if the input has no rows.

    Args:
        plan: of the run, without its schema.
        shards: of the run.
        types: the Arrow types of the input's columns.
        keep: the columns that are copied to the output.

    Raises:
        InputMismatch: none of the first rows can be computed; has the first error.
        OutputsNotAligned: an output has not one value for each row.
    """
    pa = import_pyarrow()
    predictor = load_predictor(plan)
    first_error, chunks = "", 0
    for shard in shards:
        for chunk in read_shard(plan, shard):
            fields = _probe_chunk(predictor, chunk)
            if fields is not None:
                kept = [pa.field(name, types[name]) for name in keep]
                schema = pa.schema([*kept, *fields, pa.field(ERROR_COLUMN, pa.string())])
                return bytes(schema.serialize())
            first_error = first_error or chunk.errors.first_message()
            chunks += 1
            if chunks == _MOST_CHUNKS:
                raise InputMismatch(f"None of the first rows has a result. The first error: {first_error}")
    if chunks:
        raise InputMismatch(f"None of the first rows has a result. The first error: {first_error}")
    return None


def _probe_chunk(predictor: Predictor, chunk: Chunk) -> list[Any] | None:
    """Return the fields of the outputs; None if no row of the chunk has a result."""
    start = 0
    while start < chunk.rows:
        rows = min(_ROWS, chunk.rows - start)
        columns = {name: values[start : start + rows] for name, values in chunk.columns.items()}
        errors = chunk.errors.slice(start, start + rows)
        outputs = predictor.predict(columns, rows, errors)
        chunk.errors.merge(errors, start)
        good = [row for row in range(rows) if row not in errors]
        if good:
            _check_alignment(predictor, columns, good, outputs)
            return [
                make_field(column, outputs[name], good, varies=predictor.varies_by_row(name))
                for name, column in predictor.output_columns.items()
            ]
        start += rows
    return None


def _check_alignment(
    predictor: Predictor, columns: Mapping[str, Any], good: Sequence[int], outputs: Mapping[str, OutputColumn]
) -> None:
    """Compute some rows alone: their outputs must have the shapes that they have in a batch.

    Counts that add up to the number of rows make values look aligned that are not, and rows that are padded to the
    longest of a batch depend on the other rows.

    Raises:
        OutputsNotAligned: they have others.
    """
    for row in good[:_ALONE]:
        errors = RowErrors()
        alone = predictor.predict({name: values[row : row + 1] for name, values in columns.items()}, 1, errors)
        for name, column in outputs.items():
            if len(errors):
                continue
            values = column.value(row), alone[name].value(0)
            shapes = [list(getattr(value, "shape", ())) for value in values]
            if shapes[0] != shapes[1]:
                raise OutputsNotAligned(
                    f"Output {name!r} of a row has shape {shapes[0]} in a batch, and {shapes[1]} alone: it is padded "
                    f"to the longest row. Name the output with the length of each row: --padded {name}=LENGTHS. Or "
                    "leave it out: --outputs names those to write."
                )
            if not _are_close(*values):
                _log.warning(
                    "Output %r of a row is different alone and in a batch: it is random, or depends on other rows.",
                    name,
                )


def _are_close(first: Any, second: Any) -> bool:
    """Return whether numbers are the same but for rounding, which differs with the size of a batch."""
    import numpy as np

    if np.asarray(first).dtype.kind != "f":
        return bool(np.all(np.asarray(first) == np.asarray(second)))
    largest = np.max(np.abs(first), initial=0, where=np.isfinite(first))
    return bool(np.allclose(first, second, rtol=_TOLERANCE, atol=_TOLERANCE * largest, equal_nan=True))
