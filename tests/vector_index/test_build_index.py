"""What is indexed, what is left out, and what is said about data that cannot be indexed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import rehub as hub
from rehub.batch_inference.output_store import LocalStore
from rehub.errors import (
    IndexNotFound,
    IndexOutdated,
    InputMismatch,
    InvalidSetting,
    InvalidVectors,
    OutputInUse,
    OutputNotWritten,
    PackageMissing,
)
from rehub.vector_index import graph_search, packages
from rehub.vector_index import index as indexes
from rehub.vector_index import manifest as manifests

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed here")

VECTORS = np.random.RandomState(0).randn(100, 6).astype(np.float32)


def write_column(path, values, type_, name="embedding"):
    pq.write_table(pa.table({name: pa.array(values, type_)}), str(path))


def test_rows_without_a_usable_vector_are_left_out_and_counted(write_vectors):
    vectors = [list(vector) for vector in VECTORS]
    vectors[3] = None
    vectors[50][2] = float("nan")
    vectors[51][0] = float("-inf")
    vectors[99] = [0.0] * 6
    errors = [None] * 100
    errors[7] = "cannot be decoded"
    directory = write_vectors(vectors, error=pa.array(errors, pa.string()))
    index = hub.build_index(directory)
    left_out = index.left_out
    assert (left_out.failed, left_out.missing, left_out.not_finite, left_out.zero, left_out.total) == (1, 1, 2, 1, 5)
    assert left_out.describe() == "1 with an error, 1 without a vector, 2 with NaN or infinity, 1 with only zeros"
    assert sorted(index.search(VECTORS[0], 100).rows) == sorted(set(range(100)) - {3, 7, 50, 51, 99})
    for row in (0, 52, 98):
        assert index.read_rows(index.search(VECTORS[row], 1).rows) == [{"id": f"id{row}"}]
    assert hub.build_index(directory, metric="ip").left_out.zero == 0


def test_numbers_of_other_types_and_lists_of_any_kind_are_vectors(tmp_path):
    values = [[1, 2, 3], [4, 5, 6]]
    types = (pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.int8()), pa.list_(pa.float16(), 3))
    for number, type_ in enumerate(types):
        directory = tmp_path / str(number)
        directory.mkdir()
        rows = [list(map(np.float16, row)) for row in values] if type_.value_type == pa.float16() else values
        write_column(directory / "a.parquet", rows, type_)
        assert hub.build_index(directory, metric="l2").search([4, 5, 6], 1).distances.tolist() == [0.0]


def test_files_and_folders_with_hidden_names_are_not_data(write_vectors):
    directory = write_vectors(VECTORS)
    (directory / "_tmp").mkdir()
    (directory / "more").mkdir()
    for name in ("_tmp/part-9.parquet", ".part-9.parquet", "_part-9.parquet", "part-9.parquet.txt"):
        (directory / name).write_bytes(b"not Parquet")
    shutil.copy(str(directory / "part-000000.parquet"), str(directory / "more" / "x.parquet"))
    index = hub.build_index(directory)
    assert index.size == 140
    assert index.search(VECTORS[0], 2).rows.tolist() == [0, 40]  # "more/x.parquet" comes first.
    assert index.read_rows([139, 40, 39]) == [{"id": "id99"}, {"id": "id0"}, {"id": "id39"}]


def test_an_index_has_no_pickle(write_vectors):
    index = hub.build_index(write_vectors(VECTORS), project=3)
    names = sorted(name for _, _, names in os.walk(index.path) for name in names)
    assert names == ["manifest.json", "norms.float32", "rows.int64", "vectors.float32"]


@pytest.mark.parametrize(
    ("columns", "column", "message"),
    [
        ({"id": ([1], pa.int64())}, None, "Name the column to index.*Columns with vectors: none"),
        ({"id": ([1], pa.int64())}, "embeding", "no column 'embeding'.*none"),
        ({"id": ([1], pa.int64())}, "id", "Column 'id'.*type int64, not vectors"),
        ({"a": ([[1.0]], None), "b": ([[1.0]], None)}, None, "Columns with vectors: a, b"),
        ({"a": ([["x"]], None)}, "a", "type list<.*string>, not vectors"),
        ({"a": ([[1.0], [1.0, 2.0]], None)}, "a", "different lengths: 1, 2"),
        ({"a": ([None, [float("nan")]], None)}, "a", "no vectors to index. Rows: 1 without a vector, 1 with NaN"),
        ({"a": ([[0.0, 0.0]], None)}, "a", "no vectors to index. Rows: 1 with only zeros"),
        ({"a": ([], pa.list_(pa.float32()))}, "a", "no vectors to index. Rows: none"),
        ({"a": ([[]], pa.list_(pa.float32()))}, "a", "has vectors of the length: 0"),
        ({"a": ([[1.0]], None), "a ": ([[1.0]], None)}, "a", "has 2 columns with the name 'a'"),
    ],
)
def test_data_that_cannot_be_indexed_is_an_error_that_says_why(tmp_path, columns, column, message):
    table = pa.table({name: pa.array(*values) for name, values in columns.items()})
    table = table.rename_columns([name.strip() for name in columns])
    pq.write_table(table, str(tmp_path / "a.parquet"))
    with pytest.raises(InvalidVectors, match=message):
        hub.build_index(tmp_path, column)
    assert not list(tmp_path.glob("_rehub/index/column*"))


def test_files_that_do_not_fit_are_named(tmp_path):
    write_column(tmp_path / "a.parquet", [[1.0, 2.0]], pa.list_(pa.float32(), 2))
    for name, write, message in (
        ("b", lambda path: write_column(path, [[1.0]], pa.list_(pa.float32(), 1)), "different lengths: 2, 1"),
        ("c", lambda path: write_column(path, [1.0], pa.float32(), "x"), "c.parquet' has no column 'embedding'"),
        ("d", lambda path: path.write_bytes(b"PAR1"), "d.parquet' cannot be read as Parquet"),
        ("\udcff", lambda path: path.write_bytes(b"PAR1"), "parquet' cannot be read as Parquet"),
    ):
        path = tmp_path / f"{name}.parquet"
        write(path)
        with pytest.raises(InvalidVectors, match=message):
            hub.build_index(tmp_path)
        path.unlink()


def test_directories_and_settings_that_are_wrong_are_errors(tmp_path, write_vectors, monkeypatch):
    directory = write_vectors(VECTORS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidVectors, match="There is no directory"):
        hub.build_index(tmp_path / "none")
    with pytest.raises(InvalidVectors, match="has no Parquet files"):
        hub.build_index(tmp_path / "empty")
    with pytest.raises(InvalidVectors, match="Copy the directory here"):
        hub.open_index("gs://bucket/data")
    with pytest.raises(InvalidSetting, match="no metric 'cosine'. Metrics are: cos, ip, l2"):
        hub.build_index(directory, metric="cosine")
    with pytest.raises(InvalidSetting, match="project=0 must be 1 or more"):
        hub.build_index(directory, project=0)
    with pytest.raises(InvalidSetting, match="have 6 dimensions, and project=7"):
        hub.build_index(directory, project=7)
    with pytest.raises(InvalidSetting, match="seed=-1 must be from 0"):
        hub.build_index(directory, project=3, seed=-1)
    monkeypatch.setitem(sys.modules, "usearch", None)
    with pytest.raises(PackageMissing, match=r'pip install "rehub\[index\]", or build it with exact=True'):
        hub.build_index(directory, exact=False)


def test_an_index_is_named_by_its_column(write_vectors):
    directory = write_vectors(VECTORS, **{"a/b": pa.array(VECTORS.tolist())})
    with pytest.raises(IndexNotFound, match="has no index. Build one with `rehub index build`"):
        hub.open_index(directory)
    hub.build_index(directory, "a/b", metric="l2")
    assert hub.open_index(directory).column == "a/b"
    with pytest.raises(IndexNotFound, match="no index of column 'embedding'"):
        hub.open_index(directory, "embedding")
    hub.build_index(directory, "embedding")
    with pytest.raises(IndexNotFound, match="has several indexes. Name a column"):
        hub.open_index(directory)
    assert hub.open_index(directory, "a/b").metric == "l2"
    assert sorted(path.name for path in (directory / "_rehub" / "index").iterdir()) == [
        "column=a%2Fb",
        "column=embedding",
    ]


def test_an_index_of_other_data_must_be_built_again(write_vectors, tmp_path):
    directory = write_vectors(VECTORS)
    hub.build_index(directory)
    copy = tmp_path / "copy"
    shutil.copytree(str(directory), str(copy))
    os.utime(str(copy / "part-000000.parquet"), (1, 1))
    assert hub.open_index(copy).size == 100  # Other times, the same content.
    first = copy / "part-000000.parquet"
    content = first.read_bytes()
    for change, message in (
        (first.unlink, "Data files are missing since it was built: part-000000.parquet"),
        (lambda: shutil.copy(str(first), str(copy / "new.parquet")), "Data files are new.*: new.parquet"),
        (lambda: first.write_bytes(content[:-1] + b"2"), "Data files have changed.*: part-000000.parquet"),
        (lambda: write_column(first, [[1.0]], pa.list_(pa.float32())), "Data files have changed"),
    ):
        change()
        with pytest.raises(IndexOutdated, match=f"must be built again. {message}"):
            hub.open_index(copy)
        first.write_bytes(content)
        if (copy / "new.parquet").exists():
            (copy / "new.parquet").unlink()
    assert hub.open_index(copy).size == 100


def test_an_index_of_another_version_or_a_damaged_one_must_be_built_again(write_vectors, monkeypatch):
    pytest.importorskip("usearch", reason="usearch is not installed here")
    directory = write_vectors(VECTORS)
    index = hub.build_index(directory, exact=False)
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "usearch_version", lambda: "99.0")
        with pytest.raises(IndexOutdated, match=r"built by usearch .*, and 99.0 is installed"):
            hub.open_index(directory)
    manifest = directory / "_rehub" / "index" / "column=embedding" / "manifest.json"
    text = manifest.read_text()
    for old, new, message in (
        ('"format": 2', '"format": 1', "it has format 1, and this rehub reads format 2"),
        ('"graph"', '"tree"', "its kind or metric is unknown"),
        ('-00000"', '/00000"', "is a path"),
        (text, "{", "it is not JSON"),
        ('"dimensions": 6', '"dimensions": 5', "not a graph of vectors with 5 dimensions"),
    ):
        manifest.write_text(text.replace(old, new, 1))
        with pytest.raises(IndexOutdated, match=message):
            hub.open_index(directory)
    hub.build_index(directory)
    manifest.write_text(manifest.read_text().replace('"dimensions": 6', '"dimensions": 5'))
    with pytest.raises(IndexOutdated, match="does not have vectors of 5 dimensions"):
        hub.open_index(directory)
    hub.build_index(directory, exact=False)
    assert packages.usearch_version() != ""
    assert hub.build_index(directory, exact=False).size == index.size


@pytest.mark.parametrize("exact", [True, False])
def test_a_damaged_file_of_an_index_is_an_error(write_vectors, exact):
    if not exact:
        pytest.importorskip("usearch", reason="usearch is not installed here")
    directory = write_vectors(VECTORS)
    index = hub.build_index(directory, exact=exact)
    for path in Path(index.path).glob("*/*"):
        content = path.read_bytes()
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        for damaged in (flipped, content[:-1], bytes(len(content)), b""):
            path.write_bytes(damaged)
            with pytest.raises(IndexOutdated, match=rf"must be built again. Its file .*{path.name}' is damaged"):
                hub.open_index(directory)
        path.write_bytes(content)
    assert hub.open_index(directory).size == index.size


def test_a_killed_build_leaves_the_old_index_and_nothing_else_after_the_next(write_vectors):
    directory = write_vectors(VECTORS)
    hub.build_index(directory, metric="l2")
    program = f"""
        import time
        import rehub as hub
        from rehub.vector_index import building
        def stop(*arguments):
            print("written", flush=True)
            time.sleep(60)
        building.write_manifest = stop
        hub.build_index({str(directory)!r})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        with pytest.raises(OutputInUse, match="Another process builds the index"):
            hub.build_index(directory)
        process.send_signal(signal.SIGKILL)
    folder = directory / "_rehub" / "index"
    assert len(list(folder.glob("*/*-00000"))) == 2
    assert hub.open_index(directory).metric == "l2"
    assert hub.build_index(directory).metric == "cos"
    assert [path.name for path in folder.iterdir()] == ["column=embedding"]
    assert len(list(folder.glob("*/*"))) == 2


def test_an_index_is_opened_and_searched_while_it_is_built_again(write_vectors, monkeypatch):
    directory = write_vectors(VECTORS)
    old = hub.build_index(directory, metric="l2")
    find_change = indexes.find_change

    def build_again(*arguments):
        monkeypatch.setattr(indexes, "find_change", find_change)
        hub.build_index(directory, metric="ip")
        return find_change(*arguments)

    monkeypatch.setattr(indexes, "find_change", build_again)
    assert hub.open_index(directory).metric == "ip"
    assert old.search(VECTORS[3], 1).distances.tolist() == [0.0]


def test_rows_of_data_that_changed_after_the_index_was_opened_are_not_read(write_vectors):
    directory = write_vectors(VECTORS)
    index = hub.build_index(directory)
    write_vectors(-VECTORS)
    with pytest.raises(IndexOutdated, match=r"part-000001.parquet' has changed"):
        index.read_rows([50])


def test_dates_that_python_does_not_have_are_read_as_text(tmp_path):
    columns = {
        "far": pa.array([2**30], pa.date32()),
        "where": pa.array([0], pa.timestamp("us", "No/where")),
        "embedding": pa.array([[1.0]]),
        "id": pa.array([5]),
    }
    pq.write_table(pa.table(columns), str(tmp_path / "a.parquet"))
    (row,) = hub.build_index(tmp_path).read_rows([0])
    assert "1073741824" in row.pop("far")
    assert row.pop("where").startswith("1970-01-01 00:00:00")
    assert row == {"id": 5}


def test_a_column_may_have_any_name(tmp_path):
    for name in ("列" * 200, "..", "a/b.c\\d\n", ""):
        write_column(tmp_path / "a.parquet", [[1.0]], pa.list_(pa.float32()), name)
        hub.build_index(tmp_path)
        assert hub.open_index(tmp_path, name).column == name
        shutil.rmtree(str(tmp_path / "_rehub"))


@pytest.mark.parametrize("metadata", ["[", "[]", "[" * 100_000, '{"plan": 1}'])
def test_metadata_that_rehub_did_not_write_is_ignored(tmp_path, metadata):
    table = pa.table({"embedding": pa.array([[1.0]], pa.list_(pa.float32()))})
    pq.write_table(table.replace_schema_metadata({"rehub": metadata}), str(tmp_path / "a.parquet"))
    assert hub.build_index(tmp_path).size == 1


def test_rows_that_do_not_exist_are_an_error(write_vectors):
    index = hub.build_index(write_vectors(VECTORS))
    assert index.read_rows([-1, 99, 99]) == [{}, {"id": "id99"}, {"id": "id99"}]
    for row in (100, -2):
        with pytest.raises(InputMismatch, match=f"has 100 rows. There is no row {row}"):
            index.read_rows([0, row])


def test_a_directory_that_a_run_writes_into_is_not_indexed(write_vectors):
    directory = write_vectors(VECTORS)
    with LocalStore(str(directory)).lock():
        with pytest.raises(OutputInUse, match="`rehub batch` writes into"):
            hub.build_index(directory)
        (lock,) = (directory / "_rehub").iterdir()
    lock.parent.mkdir()
    lock.write_text("of a killed run")
    assert hub.build_index(directory).size == 100


def test_a_run_that_did_not_end_is_indexed_with_a_warning(write_vectors, caplog):
    directory = write_vectors(VECTORS)
    plan = directory / "_rehub" / "plan.json"
    plan.parent.mkdir()
    for parts in (3, 5):
        assert not caplog.messages
        plan.write_text(json.dumps({"shards": [[]] * parts}))
        assert hub.build_index(directory).size == 100
    (message,) = caplog.messages
    assert "2 of the 5 parts of its run of `rehub batch` are missing" in message


def test_a_directory_that_cannot_be_written_is_an_error(write_vectors, monkeypatch):
    directory = write_vectors(VECTORS)
    if packages.usearch_version():
        monkeypatch.setattr(graph_search, "GRAPH_FILE", "none/graph.usearch")
        with pytest.raises(OutputNotWritten, match="column=embedding' cannot be written: usearch: "):
            hub.build_index(directory, exact=False)
        shutil.rmtree(str(directory / "_rehub"))
    (directory / "_rehub").write_text("a file")
    with pytest.raises(OutputNotWritten, match="column=embedding' cannot be written: "):
        hub.build_index(directory)


def test_data_that_changes_during_a_build_is_an_error(write_vectors, monkeypatch):
    from rehub.vector_index import building

    directory = write_vectors(VECTORS)
    iter_vectors = building.iter_vectors

    def change_data(*arguments):
        yield from iter_vectors(*arguments)
        os.utime(str(directory / "part-000001.parquet"), (1, 1))

    monkeypatch.setattr(building, "iter_vectors", change_data)
    with pytest.raises(InvalidVectors, match=r"part-000001.parquet' changed while it was indexed"):
        hub.build_index(directory)
    assert list((directory / "_rehub" / "index").iterdir()) == []

    def add_data(*arguments):
        yield from iter_vectors(*arguments)
        shutil.copy(str(directory / "part-000001.parquet"), str(directory / "part-000009.parquet"))

    monkeypatch.setattr(building, "iter_vectors", add_data)
    with pytest.raises(InvalidVectors, match=r"part-000009.parquet' changed while it was indexed"):
        hub.build_index(directory)
