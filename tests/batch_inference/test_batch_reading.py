from __future__ import annotations

import gzip
import json
import os
import struct
import zlib

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
pq = pytest.importorskip("pyarrow.parquet")
np = pytest.importorskip("numpy")

from rehub.batch_inference import reading  # noqa: E402
from rehub.batch_inference.plan import ShardLimit  # noqa: E402
from rehub.batch_inference.planning import plan_input  # noqa: E402
from rehub.batch_inference.reading import lines, parquet  # noqa: E402
from rehub.batch_inference.reading.chunk import merge_chunks  # noqa: E402
from rehub.batch_inference.row_errors import RowErrors  # noqa: E402
from rehub.batch_inference.writing import convert_kept  # noqa: E402
from rehub.errors import InputChanged, InputMismatch, InputUnreadable  # noqa: E402
from rehub.savedmodel.checkpoint.crc32c import Checksum  # noqa: E402


def read_all(inputs, limit=None):
    """The rows of an input, each a dict of its columns, or its error."""
    plan = plan_input([inputs], None, limit)
    names = list(plan.types)
    found = []
    for shard in plan.shards:
        for chunk in merge_chunks(reading.read_slices(plan.format, shard.slices, names), names):
            errors = chunk.errors.to_column(chunk.rows)
            values = {name: to_list(chunk.columns[name]) for name in names}
            found += [errors[row] or {name: values[name][row] for name in names} for row in range(chunk.rows)]
    return found


def to_list(values):
    return values if isinstance(values, list) else values.to_pylist()


def test_csv_keeps_quoted_line_ends_commas_and_a_byte_order_mark_apart(tmp_path):
    (tmp_path / "a.csv").write_bytes('\ufeffid,text\r\n1,"a, ""b""\nc"\r\n\r\n2,\r\n'.encode())
    assert read_all(tmp_path) == [{"id": "1", "text": 'a, "b"\nc'}, {"id": "2", "text": ""}]


@pytest.mark.parametrize("header", ["id;text", "id\ttext", "sep=;"])
def test_csv_with_other_separators_is_refused(header, tmp_path):
    (tmp_path / "a.csv").write_text(f"{header}\n1;a\n")
    with pytest.raises(InputUnreadable, match=r"a.csv cannot be read: .*commas"):
        plan_input([tmp_path], None)


def test_broken_csv_rows_are_errors_and_the_others_are_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'id,text\n1,a\n2,b,c\n3,"d"e\n4,\xff\n5,f\n6,"g\n7,h\n')
    found = read_all(tmp_path)
    assert [found[0], found[4]] == [{"id": "1", "text": "a"}, {"id": "5", "text": "f"}]
    assert "has 3 cells" in found[1]
    assert found[2].startswith("row: row 3")
    assert "not UTF-8" in found[3]
    assert "from row 6 on" in found[5]
    assert "never closed" in found[5]
    assert len(found) == 6


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tfrecord"])
def test_large_files_are_cut_where_rows_start(name, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "CUT_FROM_BYTES", 0)
    texts = [f"line\n{number}" for number in range(10)]
    write = {
        "a.csv": lambda: "text\n" + "".join(f'"{text}"\n' for text in texts),
        "a.jsonl": lambda: "".join(json.dumps({"text": text}) + "\n" for text in texts),
    }
    if name in write:
        (tmp_path / name).write_text(write[name]())
    else:
        (tmp_path / name).write_bytes(b"".join(frame(example(text=[text.encode()])) for text in texts))
    plan = plan_input([tmp_path], None, ShardLimit(4))
    assert [shard.rows for shard in plan.shards] == [4, 4, 2]
    found = [row["text"] for row in read_all(tmp_path, ShardLimit(4))]
    assert [each if isinstance(each, str) else each.decode() for each in found] == texts


def test_json_lines_with_missing_keys_and_nested_values(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"id": 1, "tags": ["a"]}\n\n{"id": 2, "more": {"x": 1}}\n[1]\n{"id": \n{"id": 1e999}\n'
    )
    found = read_all(tmp_path)
    assert found[0] == {"id": 1, "tags": ["a"], "more": None}
    assert found[1] == {"id": 2, "tags": None, "more": {"x": 1}}
    assert "not an object" in found[2]
    assert "not JSON" in found[3]
    assert "1e999 is too large" in found[4]


def test_kept_values_of_json_lines_have_types_that_hold_them(tmp_path):
    rows = [
        {"id": 2**64 - 1, "tags": ["a"], "vector": [1, 2.5], "mixed": 1, "big": 2**64},
        {"id": 7, "tags": "b", "vector": [3], "mixed": "x", "big": 1},
        {"id": None, "tags": [], "vector": None, "mixed": True, "big": None},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    errors = RowErrors()
    kept = {
        name: convert_kept(pa.field(name, kind), [row[name] for row in read_all(tmp_path)], errors).to_pylist()
        for name, kind in plan_input([tmp_path], None).types.items()
    }
    assert kept == {
        "id": [2**64 - 1, 7, None],
        "tags": [["a"], ["b"], []],
        "vector": [[1, 2.5], [3], None],
        "mixed": ["1", "x", "true"],
        "big": [str(2**64), "1", None],
    }
    assert len(errors) == 0


def test_a_truncated_gzip_file_gives_its_rows_and_an_error(tmp_path):
    whole = gzip.compress(b"".join(b'{"id": %d}\n' % number for number in range(100_000)))
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    found = read_all(tmp_path)
    assert found[10] == {"id": 10}
    assert found[-1].startswith("file: the rest of")


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


def example(**features):
    """A tf.train.Example with features of bytes, floats or integers."""
    entries = b""
    for name, values in features.items():
        if isinstance(values[0], bytes):
            value = field(1, b"".join(field(1, each) for each in values))
        elif isinstance(values[0], float):
            value = field(2, field(1, struct.pack(f"<{len(values)}f", *values)))
        else:
            value = field(3, field(1, bytes(values)))
        entries += field(1, field(1, name.encode()) + field(2, value))
    return field(1, entries)


def frame(content):
    size = struct.pack("<Q", len(content))
    checksums = [struct.pack("<I", Checksum(each).masked() or 0) for each in (size, content)]
    return size + checksums[0] + content + checksums[1]


def test_tfrecord_of_examples(tmp_path):
    pytest.importorskip("google_crc32c", reason="google-crc32c is not installed here")
    records = [frame(example(text=[b"a"], vector=[1.0, 2.5], id=[7])), frame(example(id=[1, 2])), frame(b"\xff\xff")]
    damaged = bytearray(frame(example(id=[3])))
    damaged[14] ^= 1
    (tmp_path / "a.tfrecord-00000-of-00001").write_bytes(b"".join([*records, bytes(damaged), frame(b"")[:9]]))
    found = read_all(tmp_path)
    assert found[0] == {"text": b"a", "vector": [1.0, 2.5], "id": 7}
    assert found[1] == {"text": None, "vector": None, "id": [1, 2]}
    assert "not a tf.train.Example" in found[2]
    assert "checksum" in found[3]
    assert found[4].startswith("file:")


def test_tfrecord_compressed_by_zlib_says_so(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(zlib.compress(frame(example(id=[7]))))
    with pytest.raises(InputUnreadable, match="ZLIB"):
        plan_input([tmp_path], None)


def test_parquet_is_cut_by_rows_and_keeps_its_types(tmp_path):
    table = pa.table({"id": pa.array(range(100), pa.int16()), "text": [str(each) for each in range(100)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70)
    pq.write_table(table.slice(0, 0), tmp_path / "b.parquet")
    plan = plan_input([tmp_path / "*.parquet"], None, ShardLimit(30))
    assert [shard.rows for shard in plan.shards] == [23, 23, 24, 30]
    assert plan.types["id"] == pa.int16()
    assert [row["id"] for row in read_all(tmp_path, ShardLimit(30))] == list(range(100))


def test_a_file_that_is_not_parquet_is_one_row_with_an_error(tmp_path):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "b.parquet")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is cut off")
    found = read_all(tmp_path)
    assert found[0].startswith("file:")
    assert found[1] == {"id": 1}


def test_input_without_any_file_that_can_be_read_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is cut off")
    (tmp_path / "b.parquet").write_bytes(b"")
    with pytest.raises(InputUnreadable, match=r"a.parquet cannot be read: ArrowInvalid"):
        plan_input([tmp_path], None)


def test_columns_of_two_types_are_refused(tmp_path):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    for odd in (["1"], [b"1"], [True], [[1]]):
        pq.write_table(pa.table({"id": odd}), tmp_path / "b.parquet")
        with pytest.raises(InputMismatch, match=r"'id' is int64 in .*a.parquet.* in .*b.parquet"):
            plan_input([tmp_path], None)


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        (pa.array([None, None]), pa.array(["a"]), pa.string()),
        (pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.large_string()),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"]), pa.string()),
        (pa.array([1], pa.int32()), pa.array([2**40]), pa.int64()),
        (pa.array([1]), pa.array([None, 2.5]), pa.float64()),
        (pa.array([b"a"]), pa.array([None]), pa.binary()),
        (pa.array([[1.0]], pa.list_(pa.float32())), pa.array([[2.0, 3.0]], pa.list_(pa.float64())), None),
    ],
)
def test_columns_of_related_types_are_read_together(first, second, common, tmp_path):
    for name, values in {"a": first, "b": second}.items():
        pq.write_table(pa.table({"x": values}), tmp_path / f"{name}.parquet")
    assert plan_input([tmp_path], None).types["x"] == (common or pa.list_(pa.float64()))
    assert read_all(tmp_path) == [{"x": value} for value in (*first.to_pylist(), *second.to_pylist())]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([["1.25"]]).cast(pa.list_(pa.decimal128(5, 2))), pa.array([[2.5]])),
        (pa.array([{"a": "b"}]), pa.array([{"a": b"b"}])),
        (pa.array(["b"]), pa.array([b"b"], pa.binary(1))),
    ],
)
def test_columns_whose_values_would_change_are_not_read_together(first, second, tmp_path):
    for name, values in {"a": first, "b": second}.items():
        pq.write_table(pa.table({"x": values}), tmp_path / f"{name}.parquet")
    with pytest.raises(InputMismatch, match="Column 'x' is"):
        plan_input([tmp_path], None)


def test_categories_of_several_files_are_texts(tmp_path):
    for part in (0, 1):  # Together they have more values than int8 has codes.
        values = pa.array([f"{part} {number}" for number in range(100)]).dictionary_encode()
        values = values.cast(pa.dictionary(pa.int8(), pa.string()))
        lists = pa.ListArray.from_arrays(list(range(101)), values)
        pq.write_table(pa.table({"x": values, "lists": lists}), tmp_path / f"{part}.parquet")
    assert plan_input([tmp_path], None).types["x"] == pa.string()
    texts = [f"{part} {number}" for part in (0, 1) for number in range(100)]
    assert read_all(tmp_path) == [{"x": text, "lists": [text]} for text in texts]


def test_views_of_texts_are_texts(tmp_path):
    for name, kind in {"a": pa.string(), "b": pa.string_view(), "c": pa.string_view()}.items():
        try:
            pq.write_table(pa.table({"x": pa.array([name, None]).cast(kind)}), tmp_path / f"{name}.parquet")
        except pa.ArrowNotImplementedError:
            pytest.skip("this pyarrow writes no views to Parquet")
    assert plan_input([tmp_path], None).types["x"] == pa.string()
    assert [row["x"] for row in read_all(tmp_path)] == ["a", None, "b", None, "c", None]


def test_small_files_with_other_types_or_no_rows_to_read_keep_each_value_exact(tmp_path):
    times = pa.array([1_000_000_001], pa.timestamp("ns"))  # Python's datetime has no nanoseconds.
    pq.write_table(pa.table({"x": times}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"x": pa.nulls(1)}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"x": times.cast(pa.timestamp("us"), safe=False)}), tmp_path / "d.parquet")
    plan = plan_input([tmp_path], None)
    found = list(merge_chunks(reading.read_slices("parquet", plan.shards[0].slices, ["x"]), ["x"]))
    assert [chunk.rows for chunk in found] == [3, 1]
    assert found[0].columns["x"].cast(pa.int64()).to_pylist() == [1_000_000_001, None, None]
    assert list(found[0].errors.count_kinds()) == ["file"]
    assert plan.types["x"] == pa.timestamp("ns")


def test_rows_of_very_different_sizes_are_read_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_BYTES", 100_000)
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 16)
    sizes = [10] * 200 + [30_000] * 40 + [10] * 200
    # A dictionary makes the file say that it is small.
    pq.write_table(pa.table({"x": ["x" * size for size in sizes]}), tmp_path / "a.parquet")
    part = plan_input([tmp_path], None).shards[0].slices[0]
    chunks = list(reading.read_slice("parquet", part, ["x"]))
    assert [len(text) for chunk in chunks for text in chunk.columns["x"].to_pylist()] == sizes
    assert sum(chunk.size > 100_000 for chunk in chunks) <= 2  # The first of the large rows.
    assert max(chunk.rows for chunk in chunks) == 16
    assert sum(chunk.rows == 1 for chunk in chunks) < 5


def test_hidden_names_are_not_data_and_files_count_once(tmp_path):
    for name in ("a.txt", "_b.txt", ".c.txt", "_d/e.txt", "f/g.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "README.md").write_text("")
    plan = plan_input([tmp_path, tmp_path / "a.txt"], None)
    paths = [part.path for shard in plan.shards for part in shard.slices]
    assert paths == [str(tmp_path / "a.txt"), str(tmp_path / "f" / "g.txt")]
    assert plan.ignored == (str(tmp_path / "README.md"),)


def test_inputs_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "b.csv").write_text("")
    (tmp_path / "c.docx").write_text("")
    for inputs, problem in [
        ([tmp_path / "none"], "does not exist"),
        ([tmp_path / "*.pq"], "No file to read matches"),
        ([tmp_path / "c.docx"], "unknown ending"),
        ([tmp_path], "several formats"),
        ([], "no input"),
    ]:
        with pytest.raises((InputUnreadable, ValueError), match=problem):
            plan_input(inputs, None)


def test_results_inside_the_input_are_no_input(tmp_path):
    for name in ("a.txt", "out/b.txt", "output/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    output = str(tmp_path / "out")
    for inputs in (tmp_path, tmp_path / "**"):
        plan = plan_input([inputs], None, output=output)
        paths = [part.path for shard in plan.shards for part in shard.slices]
        assert paths == [str(tmp_path / "a.txt"), str(tmp_path / "output" / "c.txt")]
    with pytest.raises(InputUnreadable, match="All files of the input .* are in the output"):
        plan_input([output], None, output=output)


def test_a_file_that_changes_after_the_plan_is_an_error(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n')
    plan = plan_input([tmp_path], None)
    (tmp_path / "a.jsonl").write_text('{"id": 22}\n')
    with pytest.raises(InputChanged, match="has changed since"):
        list(reading.read_slice("jsonl", plan.shards[0].slices[0], ["id"]))


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n')
    rows = reading.read_slice("jsonl", plan_input([tmp_path], None).shards[0].slices[0], ["id"])
    assert next(rows).columns == {"id": [1]}
    (tmp_path / "a.jsonl").write_text('{"id": 22}\n')
    with pytest.raises(InputChanged, match="has changed since"):
        next(rows)


def test_large_rows_make_several_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "CUT_FROM_BYTES", 0)
    limit = ShardLimit(size=3000)
    table = pa.table({"text": [os.urandom(50).hex() for _ in range(100)]})
    texts = table["text"].to_pylist()
    folders = {name: tmp_path / name for name in ("png", "parquet", "jsonl", "csv", "tfrecord")}
    for name, folder in folders.items():
        folder.mkdir()
        if name == "png":
            for number, text in enumerate(texts):
                (folder / f"{number}.png").write_text(text)
        elif name == "parquet":
            pq.write_table(table, folder / "a.parquet", compression="none", use_dictionary=False)
        elif name == "jsonl":
            (folder / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        elif name == "csv":
            (folder / "a.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts))
        else:
            (folder / "a.tfrecord").write_bytes(b"".join(frame(example(text=[text.encode()])) for text in texts))
        rows = [shard.rows for shard in plan_input([folder], None, limit).shards]
        assert sum(rows) == 100
        assert 20 <= max(rows) <= 30, name
        if name != "png":
            found = [row["text"] for row in read_all(folder, limit)]
            assert [each if isinstance(each, str) else each.decode() for each in found] == texts


def test_files_are_read_from_an_object_store(memory):
    memory.pipe_file("/data/a.csv", b"id\n1\n")
    memory.pipe_file("/data/_b.csv", b"id\n2\n")
    for url in ("memory://data", "memory://data/*.csv", "memory://data/a.csv"):
        assert read_all(url) == [{"id": "1"}]


def test_a_folder_of_an_object_store_is_read_in_order(s3):
    for number in range(50):
        s3.pipe_file(f"bucket/photos/{number:02}.png", b"%d" % number)
    assert [row["content"] for row in read_all("s3://bucket/photos")] == [b"%d" % number for number in range(50)]
    plan = plan_input(["s3://bucket/photos"], None)
    s3.pipe_file("bucket/photos/30.png", b"another")
    with pytest.raises(InputChanged, match="30.png' has changed"):
        list(reading.read_slices(plan.format, plan.shards[0].slices, ["content"]))
