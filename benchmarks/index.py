"""Nearest neighbours: `hub.build_index`, exact and approximate, beside NumPy in memory and faiss.

The vectors have 24 dimensions of their own, mapped to more, with a little noise: somewhat like those of a model. All
queries are asked one at a time, of all indexes in turns, with one thread. Recall is of the 10 nearest; the truth is
that of NumPy. The two lines of rehub have the time to read Parquet in them, and the index is on the disk. rehub builds
each index in a process of its own, and another one asks 20 queries at once: their peak memory is printed, and which
part of it is not of files that are mapped. A process that only imports rehub, NumPy and pyarrow has about 60 MB.

Usage: `python benchmarks/index.py [VECTORS] [DIMENSIONS] [QUERIES]`, with `pip install "rehub[index]" faiss-cpu`; faiss
can be missing.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import rehub as hub

K = 10
ROWS_PER_FILE = 50_000

Search = Callable[[Any], Any]


def main(vectors: int = 200_000, dimensions: int = 128, queries: int = 200) -> None:
    """Measure and print."""
    asked = next(iter_vectors(queries, dimensions, seed=1))
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(vectors, dimensions, Path(folder))
        data = np.concatenate(list(iter_vectors(vectors, dimensions)))
        data /= np.linalg.norm(data, axis=1, keepdims=True)
        indexes: dict[str, tuple[float, Search]] = {"NumPy, in memory": build(lambda: numpy_search(data))}
        indexes["rehub, exact"] = build_and_open(folder, "exact", queries)
        for name, factory in faiss_searches(data).items():
            indexes[name] = build(factory)
        indexes["rehub, approximate"] = build_and_open(folder, "approximate", queries)
        report(indexes, asked, f"{vectors:,} x {dimensions}")


def iter_vectors(count: int, dimensions: int, seed: int = 0) -> Iterator[Any]:
    """Yield float32[n, dimensions], the vectors of a file each; those of all seeds have the same own dimensions."""
    own = np.random.default_rng(0).standard_normal((24, dimensions), np.float32)
    for start in range(0, count, ROWS_PER_FILE):
        rows = min(ROWS_PER_FILE, count - start)
        random = np.random.default_rng([seed, start])
        noise = np.float32(0.5) * random.standard_normal((rows, dimensions), np.float32)
        yield random.standard_normal((rows, 24), np.float32) @ own + noise


def write_parquet(vectors: int, dimensions: int, folder: Path) -> None:
    """Write the vectors as `rehub batch` does."""
    for part, rows in enumerate(iter_vectors(vectors, dimensions)):
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        start = part * ROWS_PER_FILE
        table = pa.table({"id": range(start, start + len(rows)), "embedding": lists})
        pq.write_table(table, str(folder / f"part-{part:06d}.parquet"), compression="zstd", use_dictionary=False)


def build(factory: Callable[[], Search]) -> tuple[float, Search]:
    """Return the seconds that the building took, and the search."""
    started = time.perf_counter()
    search = factory()
    return time.perf_counter() - started, search


def numpy_search(unit: Any) -> Search:
    """Return a search that compares a query with every vector of length 1 in memory."""

    def search(query: Any) -> Any:
        scores = unit @ query
        nearest = np.argpartition(-scores, K)[:K]
        return nearest[np.argsort(-scores[nearest])]

    return search


def build_and_open(folder: str, kind: str, queries: int) -> tuple[float, Search]:
    """Build an index in another process; return the seconds that it took, and the search in the index on the disk."""
    built = run_process("build", folder, kind)
    asked = run_process("query", folder, str(min(queries, 20)))
    for action, found in (("build", built), (f"{min(queries, 20)} queries at once", asked)):
        print(
            f"rehub, {kind}, {action}: {found['seconds']:.3f} s, peak memory {found['peak']} MB, "
            f"{found['own']} MB of it without mapped files",
            flush=True,
        )
    index = hub.open_index(folder)
    return built["seconds"], lambda query: index.search(query, K).rows


def run_process(*words: str) -> dict[str, Any]:
    """Run an action of this file in a process of its own."""
    found = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE).stdout
    return dict(json.loads(found))


def run_action(action: str, folder: str, argument: str) -> None:
    """Build an index or ask it, and print what it took as JSON."""
    if action == "build":
        started = time.perf_counter()
        hub.build_index(folder, exact=argument == "exact")
    else:
        index = hub.open_index(folder)
        asked = next(iter_vectors(int(argument), index.dimensions, seed=1))
        started = time.perf_counter()
        index.search(asked, K)
    seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text()
    sizes = {name: int(size) // 1024 for name, size in re.findall(r"(\w+):\s+(\d+) kB", status)}
    print(json.dumps({"seconds": seconds, "peak": sizes["VmHWM"], "own": sizes["VmHWM"] - sizes["RssFile"]}))


def faiss_searches(unit: Any) -> dict[str, Callable[[], Search]]:
    """Return what builds the indexes of faiss, of vectors of length 1, if it is installed."""
    try:
        import faiss
    except ImportError:
        return {}
    faiss.omp_set_num_threads(1)

    def prepare(index: Any) -> Search:
        index.add(unit)
        return lambda query: index.search((query / np.linalg.norm(query))[np.newaxis], K)[1][0]

    def build_graph() -> Search:
        index = faiss.IndexHNSWFlat(unit.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 128, 256
        return prepare(index)

    return {
        "faiss IndexFlatIP": lambda: prepare(faiss.IndexFlatIP(unit.shape[1])),
        "faiss IndexHNSWFlat": build_graph,
    }


def report(indexes: dict[str, tuple[float, Search]], asked: Any, title: str) -> None:
    """Ask all indexes in turns, and print the figures."""
    times: dict[str, list[float]] = {name: [] for name in indexes}
    recalls: dict[str, list[float]] = {name: [] for name in indexes}
    for query in asked:
        truth: set[int] = set()
        for name, (_, search) in indexes.items():
            started = time.perf_counter()
            found = search(query)
            times[name].append(time.perf_counter() - started)
            truth = truth or set(found.tolist())
            recalls[name].append(len(truth & set(found.tolist())) / K)
    print(title)
    floor = statistics.median(next(iter(times.values())))
    for name, (seconds, _) in indexes.items():
        latency = statistics.median(times[name])
        print(
            f"  {name:20} built in {seconds:7.1f} s, recall@{K} {statistics.mean(recalls[name]):.3f}, "
            f"{latency * 1e3:7.2f} ms a query: {latency / floor:.2f}x NumPy",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] in (["build"], ["query"]):
        run_action(*sys.argv[1:])
    else:
        main(*map(int, sys.argv[1:]))
