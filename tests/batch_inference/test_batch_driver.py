from __future__ import annotations

import json
import os
import pickle
import sys
import time

import pytest

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed here")
pa = pytest.importorskip("pyarrow")
np = pytest.importorskip("numpy")
tf = pytest.importorskip("tensorflow", minversion="2.15", reason="bulk inference is tested with TensorFlow 2")

import harmful_models  # noqa: E402
from batch_models import save_batch_model  # noqa: E402
from forked_programs import ForkedProgram  # noqa: E402

import rehub as hub  # noqa: E402
from rehub.batch_inference.engines import local  # noqa: E402
from rehub.cli import main  # noqa: E402
from rehub.errors import (  # noqa: E402
    BatchFailed,
    InputMismatch,
    InvalidSetting,
    InvalidVectors,
    OutputInUse,
    OutputsNotAligned,
    UnsafeModel,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_batch_model(tmp_path_factory.mktemp("models") / "batch")


@pytest.fixture
def texts(tmp_path):
    """Parquet files of 40 rows, of which three have no result."""
    folder = tmp_path / "texts"
    folder.mkdir()
    words = ["word" * (number % 5) for number in range(40)]
    words[3], words[17], words[30] = None, "boom", "boom"
    for part in (0, 1):
        rows = slice(part * 20, part * 20 + 20)
        table = pa.table({"id": pa.array(range(40), pa.int16())[rows], "text": pa.array(words, pa.string())[rows]})
        pq.write_table(table, folder / f"{part}.parquet", row_group_size=7)
    return folder


def read(output):
    return pq.read_table(output).to_pylist()


def run(model, inputs, output, **options):
    return hub.batch(model, inputs, output, **{"signature": "count", "batch_size": 8, "shard_rows": 15, **options})


def test_results_are_those_of_a_loop_and_bad_rows_harm_no_others(model, texts, tmp_path):
    report = run(model, texts, tmp_path / "out")
    rows = read(tmp_path / "out")
    assert [row["id"] for row in rows] == list(range(40))
    signature = hub.load(model).signatures["count"]
    for row in rows:
        if row["id"] in (3, 17, 30):
            assert row["vector"] is row["shout"] is row["size"] is None
            assert row["error"].startswith("null:" if row["id"] == 3 else "model: ")
            assert row["id"] == 3 or "a text explodes" in row["error"]
            assert "Op:" not in row["error"]
        else:
            expected = signature(text=tf.constant(["word" * (row["id"] % 5)]))
            assert row["vector"] == expected["vector"].numpy()[0].tolist()
            assert row["shout"] == expected["shout"].numpy()[0].decode()
            assert row["error"] is None
    assert pq.read_schema(tmp_path / "out" / "part-000000.parquet").field("id").type == pa.int16()
    assert (report.rows, report.errors, report.failed) == (40, {"null": 1, "model": 2}, ())
    lines = (tmp_path / "out" / "_rehub" / "shards.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["rows"] for line in lines) == 40


def test_a_second_run_computes_only_what_is_missing_or_damaged(model, texts, tmp_path):
    output = tmp_path / "out"
    first = run(model, texts, output)
    (output / "part-000001.parquet").unlink()
    (output / "part-000002.parquet").write_bytes(b"PAR1")
    again = run(model, texts, output, batch_size=3)
    assert again.resumed == first.shards - 2
    assert "rows/s" in str(again)
    assert "rows/s" not in str(run(model, texts, output))
    assert (again.rows, again.errors) == (first.rows, first.errors)
    assert [row["id"] for row in read(output)] == list(range(40))


def test_late_parts_of_another_run_are_computed_again(model, texts, tmp_path, monkeypatch):
    output = tmp_path / "out"
    run(model, texts, tmp_path / "other", outputs={"size": "vector", "vector": "size"})
    late = (tmp_path / "other" / "part-000001.parquet").read_bytes()
    compute, late_parts = local.run, [late]

    def compute_with_late_worker(*arguments):
        compute(*arguments)
        if late_parts:
            (output / "part-000001.parquet").write_bytes(late_parts.pop())

    monkeypatch.setattr(local, "run", compute_with_late_worker)
    run(model, texts, output)
    assert [row["size"] for row in read(output) if row["id"] == 16] == [4]
    (output / "part-000001.parquet").write_bytes(late)
    with pytest.raises(InvalidVectors, match="different runs"):
        hub.build_index(output)
    assert run(model, texts, output).resumed == 2
    assert [row["size"] for row in read(output) if row["id"] == 16] == [4]


def test_a_model_that_cannot_be_loaded_ends_the_run_at_once(model, texts, tmp_path, monkeypatch):
    run(model, texts, tmp_path / "out")
    for part in (0, 1):
        (tmp_path / "out" / f"part-{part:06}.parquet").unlink()
    loads = []

    def load(self):
        loads.append(self)
        raise ImportError("no tokenizer")

    monkeypatch.setattr(hub.Predictor, "load", load)
    with pytest.raises(BatchFailed, match="cannot load the model: ImportError: no tokenizer"):
        run(model, texts, tmp_path / "out")
    assert len(loads) == 1


def test_results_of_another_run_are_not_mixed_in(model, texts, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(OutputInUse, match="no run to resume"):
        run(model, texts, output, resume=True)
    run(model, texts, output, outputs=["size"])
    with pytest.raises(OutputInUse, match="settings 'outputs' was size=size, and is none"):
        run(model, texts, output)
    os.utime(texts / "0.parquet", (1, 1))
    with pytest.raises(OutputInUse, match="files of the input"):
        run(model, texts, output, outputs=["size"])
    with pytest.raises(OutputsNotAligned):
        run(model, texts, output, signature="words", overwrite=True)
    assert len(read(output)) == 40
    assert run(model, texts, output, overwrite=True).resumed == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.csv").write_text("")
    with pytest.raises(OutputInUse, match=r"no run has written: 'data.csv'"):
        run(model, texts, tmp_path / "mine", overwrite=True)
    assert os.listdir(tmp_path / "mine") == ["data.csv"]


def test_settings_that_do_not_fit_are_refused_before_the_work(model, texts, tmp_path):
    for options, error, problem in [
        ({"input_columns": {"text": "body"}}, InputMismatch, "no column 'body'.*id, text"),
        ({"input_columns": {"txt": "text"}}, InvalidSetting, "no input 'txt'.*text"),
        ({"outputs": ["vektor"]}, InvalidSetting, "no output 'vektor'"),
        ({"outputs": {"vector": "id"}}, InvalidSetting, "both named id"),
        ({"outputs": {"vector": "a", "size": "a"}}, InvalidSetting, "Two outputs"),
        ({"keep": ["url"]}, InputMismatch, "no column url to keep"),
        ({"signature": "words"}, OutputsNotAligned, "--ragged words="),
        ({"signature": "words", "outputs": ["padded"]}, OutputsNotAligned, "--padded padded="),
        ({"input_columns": {"text": "id"}, "keep": []}, InputMismatch, "takes strings, and its column has int16"),
        ({"engine": "spark"}, InvalidSetting, "local, ray"),
        ({"address": "auto"}, InvalidSetting, "for the engines 'ray' and 'beam'"),
        ({"num_gpus": 1}, InvalidSetting, "GPUs of each worker of the engine 'ray'"),
        ({"workers": 0}, InvalidSetting, "workers= takes a number of at least 1"),
        ({"max_errors": "1%"}, InvalidSetting, "such as 0.01 for 1%"),
        ({"input_format": "parqet"}, InvalidSetting, "no format 'parqet'"),
        ({"keep": "id"}, InvalidSetting, r"a list of names, such as \['id'\]"),
        ({"ragged": ["words"]}, InvalidSetting, "a dict of names"),
        ({"resize": 224}, InvalidSetting, "a height and a width"),
        ({"pixel_range": 255}, InvalidSetting, "two numbers"),
    ]:
        with pytest.raises(error, match=problem):
            run(model, texts, tmp_path / "out", **options)
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_predictor_returns_the_same_types_without_any_result(model):
    predictor = hub.Predictor(model, signature="count", on_error="quarantine")
    for texts in ([], ["boom"], [None, "boom"]):
        found = predictor({"text": texts})
        assert (found["vector"].shape, found["vector"].dtype) == ((len(texts), 2), np.float32)
        assert np.isnan(found["vector"]).all()
        assert (found["size"].shape, found["size"].dtype) == ((len(texts),), np.int32)


def test_input_without_rows_is_a_run_without_parts(model, texts, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "header.csv").write_text("text\n")
    for name, options in (("header.csv", {}), ("header.csv", {"resume": True})):
        report = run(model, tmp_path / name, tmp_path / "out", **options)
        assert (report.rows, report.shards) == (0, 0)
    with pytest.raises(InputMismatch, match="The columns are: none"):
        run(model, tmp_path / "empty.jsonl", tmp_path / "out2")


def test_errors_stop_a_run_where_they_are_not_wanted(model, texts, tmp_path):
    with pytest.raises(BatchFailed, match="null: the value"):
        run(model, texts, tmp_path / "fail", on_error="fail")
    with pytest.raises(BatchFailed, match="3 of 40 rows"):
        run(model, texts, tmp_path / "few", max_errors=0.05)
    assert run(model, texts, tmp_path / "all", max_errors=3).error_rows == 3
    pq.write_table(pa.table({"text": ["a"] * 71 + [None] * 29}), tmp_path / "hundred.parquet")
    assert run(model, tmp_path / "hundred.parquet", tmp_path / "share", max_errors=0.29).error_rows == 29


def test_ragged_and_padded_outputs_are_lists(model, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a b c"}\n{"text": ""}\n{"text": "d"}\n{"text": "e"}\n')
    run(
        model,
        tmp_path / "a.jsonl",
        tmp_path / "out",
        signature="words",
        ragged={"words": "count"},
        padded={"padded": "count"},
    )
    for column in ("words", "padded"):
        assert [row[column] for row in read(tmp_path / "out")] == [["a", "b", "c"], [], ["d"], ["e"]]


def test_token_ids_of_all_lengths_keep_their_order(model, tmp_path):
    lengths = [3] * 20 + [number * 7 % 5 + 1 for number in range(50)]  # The first rows look alike.
    table = pa.table({"ids": [list(range(length)) for length in lengths]})
    pq.write_table(table, tmp_path / "a.parquet")
    run(model, tmp_path / "a.parquet", tmp_path / "out", signature="tokens")
    rows = read(tmp_path / "out")
    assert [row["width"] for row in rows] == lengths
    for column in ("twice", "shapeless"):
        assert [row[column] for row in rows] == [[2 * each for each in range(length)] for length in lengths]
    run(model, tmp_path / "a.parquet", tmp_path / "padded", signature="tokens", pad=0, outputs=["sum"])
    assert [row["sum"] for row in read(tmp_path / "padded")] == [sum(range(length)) for length in lengths]


def test_broken_pictures_are_in_quarantine(model, tmp_path):
    images = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")
    (tmp_path / "photos").mkdir()
    for number in range(5):
        images.new("RGB", (20, 10), (number * 10, 0, 255)).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "2.png").write_bytes(b"not a picture")
    report = run(model, tmp_path / "photos", tmp_path / "out", signature="mean")
    rows = read(tmp_path / "out")
    assert [os.path.basename(row["path"]) for row in rows] == [f"{number}.png" for number in range(5)]
    assert report.errors == {"image": 1}
    for number in (0, 1, 3, 4):
        np.testing.assert_allclose(rows[number]["mean"], [number * 10 / 255, 0, 1], atol=1e-6)


def test_an_object_store_gets_whole_files(model, texts, tmp_path, memory):
    run(model, texts, "memory://out")
    names = [path.rpartition("/")[2] for path in memory.find("/out")]
    assert names[-1] == "part-000002.parquet"
    assert {"plan.json", "report.json", "shards.jsonl"} < set(names)
    assert run(model, texts, "memory://out").resumed == 3


def test_the_command_reports_and_says_by_its_code_what_failed(model, texts, tmp_path, capsys):
    command = [
        "batch",
        model,
        str(texts),
        "--output",
        str(tmp_path / "out"),
        "--signature",
        "count",
        "--shard-rows",
        "9",
    ]
    assert main([*command, "--outputs", "size=n,vector", "--keep", "", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["errors"]) == (40, {"null": 1, "model": 2})
    assert pq.read_schema(tmp_path / "out" / "part-000000.parquet").names == ["n", "vector", "error"]
    assert main([*command, "--overwrite", "--max-errors", "1%"]) == 1
    assert "rows have an error" in capsys.readouterr().err
    os.rename(texts / "1.parquet", texts / "2.txt")
    assert main([*command, "--overwrite"]) == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--input text=a --input text=b", "argument --input: 'text' is given as 'a' and as 'b'"),
        ("--input text", "argument --input: 'text' is not of the form INPUT=COLUMN"),
        ("--max-errors 101%", "neither a number of rows, such as 100, nor a share below 100%"),
        ("--workers 0", "argument --workers: '0' is not a number of at least 1"),
        ("--pixel-range -1", "argument --pixel-range: '-1' is not of the form LOW,HIGH"),
        ("--pixel-range -1,1 --shard-rows 0", "argument --shard-rows"),
    ],
)
def test_wrong_options_are_wrong_usage(options, problem, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["batch", "model", "data.csv", "--output", "out", *options.split()])
    assert problem in capsys.readouterr().err


def test_the_command_finds_mistakes_before_it_imports_tensorflow(model, tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow")
    command = ["batch", model, str(tmp_path / "*.csv"), "--output", str(tmp_path / "out")]
    assert main([*command, "--signature", "count"]) == 1
    assert "No file to read matches" in capsys.readouterr().err
    assert "tensorflow" not in sys.modules


def test_kept_columns_of_related_types_are_one_column(model, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    ids = {"a": pa.array([1, 2**60 + 1]), "b": pa.array([None, 2.5]), "c": pa.nulls(2)}
    for name, values in ids.items():
        text = pa.array(["a", "b"], pa.large_string() if name == "b" else pa.string())
        pq.write_table(pa.table({"id": values, "text": text}), folder / f"{name}.parquet")
    report = run(model, folder, tmp_path / "out", shard_rows=100)
    assert report.errors == {"type": 1}  # 2**60 + 1 is no float64.
    assert pq.read_table(tmp_path / "out")["id"].to_pylist() == [1.0, None, None, 2.5, None, None]
    assert pq.read_table(tmp_path / "out")["size"].to_pylist() == [1, None, 1, 1, 1, 1]


SLOW_DRIVER = """
import sys, time
import rehub as hub
from rehub.batch_inference import worker
write = worker.ShardWriter.write
def write_slowly(self, table):
    write(self, table)
    time.sleep(0.1)
worker.ShardWriter.write = write_slowly
hub.batch(*sys.argv[1:4], signature="count", batch_size=8, shard_rows=5)
"""


def test_a_killed_driver_leaves_whole_files_and_the_next_run_the_rest(model, texts, tmp_path):
    output = tmp_path / "out"
    with ForkedProgram(SLOW_DRIVER, model, texts, output):
        deadline = time.monotonic() + 120
        while not (output / "part-000001.parquet").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(OutputInUse, match="writes into"):
            run(model, texts, output, shard_rows=5)
    parts = sorted(output.glob("*.parquet"))
    assert len(parts) < 10
    for part in parts:
        pq.read_table(part)
    report = run(model, texts, output, shard_rows=5)
    assert report.resumed == len(parts)
    assert [row["id"] for row in read(output)] == list(range(40))
    assert not (output / "_rehub" / "tmp").exists()


def test_a_driver_killed_beside_an_object_store_leaves_no_file_on_this_machine(model, texts, s3, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with ForkedProgram(SLOW_DRIVER, model, texts, "s3://bucket/out"):
        deadline = time.monotonic() + 120
        while not s3.glob("bucket/out/part-*"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
            s3.invalidate_cache()
    assert os.listdir(scratch) == []
    report = run(model, texts, "s3://bucket/out", shard_rows=5)
    assert 1 <= report.resumed < 10
    rows = [row for part in sorted(s3.glob("bucket/out/part-*")) for row in pq.read_table(s3.open(part)).to_pylist()]
    assert [row["id"] for row in rows] == list(range(40))


def test_the_setting_of_trust_goes_to_another_process_with_a_predictor(tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    predictor = hub.Predictor(harmful_models.save(tmp_path / "model", harmful_models.reads))
    pickled = pickle.dumps(predictor)
    monkeypatch.delenv("REHUB_TRUST")
    for each in (pickle.loads(pickled), predictor.with_model(predictor.model.handle)):
        with pytest.raises(UnsafeModel, match="ReadFile"):
            each.load()
