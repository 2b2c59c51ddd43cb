"""Nearest neighbours among the vectors that a model computed: `hub.build_index` and `hub.open_index`.

The vectors are a column of a directory of Parquet files, such as `rehub batch` writes. An index is a cache beside them,
in `_rehub/index/column=NAME`: raw arrays for an exact search, or a graph of usearch for an approximate one, and a
manifest with all that it depends on. It can be deleted at any time, and built again from the Parquet files.

`data_files` reads the Parquet files, `building` writes an index, `manifest` says if one is up to date, `exact_search`
and `graph_search` search a part of it, and `index` searches them together.
"""

from __future__ import annotations

from rehub.vector_index.building import build_index as build_index
from rehub.vector_index.index import Matches as Matches
from rehub.vector_index.index import VectorIndex as VectorIndex
from rehub.vector_index.index import open_index as open_index
