"""`rehub index build`: what it prints, and the options that it hands on."""

from __future__ import annotations

import json

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed here")

VECTORS = np.random.RandomState(0).randn(20, 8).astype(np.float32)


@pytest.fixture
def data(tmp_path):
    table = pa.table({"id": range(20), "v": pa.array(VECTORS.tolist()), "error": ["bad"] + [None] * 19})
    (tmp_path / "data").mkdir()
    pq.write_table(table, str(tmp_path / "data" / "part-000000.parquet"))
    return tmp_path / "data"


def test_build_says_what_is_in_the_index(rehub, data):
    ran = rehub("index", "build", data)
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert first.startswith(f"{data}/_rehub/index/column=v: 19 vectors of 8 dimensions, cos, exact, in ")
    assert second == "Left out: 1 with an error"


def test_build_hands_its_options_on(rehub, data):
    pytest.importorskip("usearch", reason="usearch is not installed here")
    words = ("--column", "v", "--metric", "l2", "--approximate", "--project", "4", "--seed", "7", "--json")
    found = json.loads(rehub("index", "build", data, *words).out)
    assert found.pop("seconds") >= 0
    assert found == {
        "path": f"{data}/_rehub/index/column=v",
        "column": "v",
        "metric": "l2",
        "exact": False,
        "vectors": 19,
        "dimensions": 8,
        "projection": {"dimensions": 4, "seed": 7},
        "left_out": {"failed": 1, "missing": 0, "not_finite": 0, "zero": 0},
    }


def test_build_refuses_what_it_cannot_index(rehub, data):
    ran = rehub("index", "build", data, "--column", "id")
    assert (ran.code, ran.out) == (1, "")
    assert "Column 'id'" in ran.err
    assert "Columns with vectors: v" in ran.err
    assert rehub("index", "build", data, "--exact", "--approximate").code == 2
