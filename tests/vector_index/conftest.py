"""Directories of Parquet files, as `rehub batch` writes them."""

from __future__ import annotations

import pytest


@pytest.fixture
def write_vectors(tmp_path):
    """Writes vectors with ids into a directory, in files of a few rows each."""
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed here")

    def write(vectors, directory="data", rows_per_file=40, **columns):
        root = tmp_path / directory
        root.mkdir(exist_ok=True)
        lists = [None if vector is None else list(map(float, vector)) for vector in vectors]
        table = pa.table(
            {
                "id": [f"id{number}" for number in range(len(vectors))],
                "embedding": pa.array(lists, pa.list_(pa.float32())),
                "error": pa.nulls(len(vectors), pa.string()),
                **columns,
            }
        )
        for start in range(0, len(vectors), rows_per_file):
            path = root / f"part-{start // rows_per_file:06d}.parquet"
            pq.write_table(table.slice(start, rows_per_file), str(path), compression="zstd", row_group_size=16)
        return root

    return write
