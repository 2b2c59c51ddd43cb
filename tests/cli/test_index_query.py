"""`rehub index query`: from data by `rehub batch` and `rehub index build` to the rows that are like an input."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", minversion="2.15", reason="queries are computed by a model")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed here")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed here")
PIL = pytest.importorskip("PIL.Image", reason="Pillow is not installed here")

import saved_models  # noqa: E402  It imports TensorFlow.

import rehub as hub  # noqa: E402

TEXT_EMBED = str(saved_models.LEGACY / "text_embed")
TEXTS = ["moon", "a fine film", "not for me", "funny and warm", "a dull story"]


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """A directory of the vectors of sentences, with an index."""
    root = tmp_path_factory.mktemp("sentences")
    columns = {
        "id": range(len(TEXTS)),
        "text": TEXTS,
        "score": [0.5, float("nan"), 1.0, 2.0, 3.0],
        "raw": [b"\xff"] * 5,
    }
    pq.write_table(pa.table(columns), str(root / "texts.parquet"))
    hub.batch(
        TEXT_EMBED,
        root / "texts.parquet",
        root / "vectors",
        input_columns={"default": "text"},
        outputs={"default": "embedding"},
        keep=["id", "text", "score", "raw"],
    )
    hub.build_index(root / "vectors")
    return root / "vectors"


def test_a_text_finds_itself_first(rehub, sentences, tmp_path):
    lines = "not for me\r\na dull\u2028story\x0c\nmoon\n"
    (tmp_path / "more.txt").write_bytes(lines.encode("utf-8-sig"))
    words = ("--input", "a fine film", "--input-file", tmp_path / "more.txt", "-k", 2)
    ran = rehub("index", "query", sentences, TEXT_EMBED, *words, "--json")
    found = json.loads(ran.out, parse_constant=pytest.fail)
    assert [each["input"] for each in found] == ["a fine film", "not for me", "a dull\u2028story\x0c", "moon"]
    assert [each["matches"][0]["columns"].pop("score") for each in found[:2]] == ["nan", 1.0]
    assert [each["matches"][0]["columns"].pop("raw") for each in found[:2]] == ["/w=="] * 2
    for each, row in zip(found[:2], (1, 2)):
        assert len(each["matches"]) == 2
        first = each["matches"][0]
        assert first["row"] == row
        assert first["columns"] == {"id": row, "text": TEXTS[row]}
        assert first["distance"] == pytest.approx(0, abs=1e-6)
    table = rehub("index", "query", sentences, TEXT_EMBED, "--input", "a fine film", "-k", 1).out.splitlines()
    assert [line.split() for line in table] == [
        ["DISTANCE", "ID", "TEXT", "SCORE", "RAW"],
        ["0.0000", "1", "a", "fine", "film", "nan", "b'\\xff'"],
    ]
    several = rehub("index", "query", sentences, TEXT_EMBED, *words).out.splitlines()
    assert several[0].split() == ["INPUT", "DISTANCE", "ID", "TEXT", "SCORE", "RAW"]
    assert len(several) == 9


def test_another_model_than_that_of_the_vectors_is_refused(rehub, sentences, tmp_path):
    shutil.copytree(TEXT_EMBED, str(tmp_path / "same"))
    assert rehub("index", "query", sentences, tmp_path / "same", "--input", "moon").code == 0
    (tmp_path / "same" / "assets" / "tokens.txt").write_text("other\n")
    ran = rehub("index", "query", sentences, tmp_path / "same", "--input", "moon")
    assert (ran.code, ran.out) == (1, "")
    assert "were computed by" in ran.err
    assert "differs from it in assets/tokens.txt" in ran.err
    assert "Query with the model that computed them" in ran.err


def test_what_cannot_be_asked_is_an_error_that_says_why(rehub, sentences, tmp_path):
    assert "There is no input" in rehub("index", "query", sentences, TEXT_EMBED).err
    ran = rehub("index", "query", sentences, TEXT_EMBED, "--input-file", tmp_path / "none.txt")
    assert "none.txt' cannot be read" in ran.err
    assert rehub("index", "query", sentences, TEXT_EMBED, "--input", "x", "-k", "0").code == 2
    assert "'²' is not a number of 1 or more" in rehub("index", "query", sentences, "x", "-k", "²").err
    ran = rehub("index", "query", sentences, TEXT_EMBED, "--input", "x", "--column", "other")
    assert "has no index of column 'other'" in ran.err


def test_a_picture_finds_itself_by_its_path(rehub, tmp_path):
    class Colours(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 3], tf.float32, "images")])
        def see(self, images):
            return {"colour": tf.reduce_mean(images, [1, 2])}

    model = Colours()
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=model.see)
    (tmp_path / "photos").mkdir()
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255)), ("dark", (0, 0, 60))):
        PIL.new("RGB", (8, 8), colour).save(str(tmp_path / "photos" / f"{name}.png"))
    (tmp_path / "photos" / "broken.png").write_bytes(b"not a picture")
    hub.batch(str(tmp_path / "model"), tmp_path / "photos", tmp_path / "vectors", keep=["path"])
    ran = rehub("index", "build", tmp_path / "vectors", "--metric", "l2")
    assert "3 vectors of 3 dimensions" in ran.out
    assert "1 with an error" in ran.out
    words = ("index", "query", tmp_path / "vectors", tmp_path / "model", "--json", "--input")
    (found,) = json.loads(rehub(*words, tmp_path / "photos" / "blue.png").out)
    assert [match["columns"]["path"].rpartition("/")[2] for match in found["matches"]] == [
        "blue.png",
        "dark.png",
        "red.png",
    ]
    assert found["matches"][0]["distance"] == 0
    assert "is not the path of a readable picture" in rehub(*words, "a blue picture").err


def test_vectors_of_other_programs_are_queried_by_output_and_json(rehub, tmp_path):
    class Rows(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
        def see(self, x):
            return {"same": x, "turned": tf.reverse(x, [1])}

    model = Rows()
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=model.see)
    (tmp_path / "data").mkdir()
    vectors = pa.array(np.eye(2).tolist(), pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"v": vectors}), str(tmp_path / "data" / "a.parquet"))
    hub.build_index(tmp_path / "data")
    words = ("index", "query", tmp_path / "data", tmp_path / "model", "--input", "[0, 1]", "-k", 1)
    assert "has the outputs same, turned. Name one with --output" in rehub(*words).err
    table = rehub(*words, "--output", "turned").out.splitlines()
    assert [line.split() for line in table] == [["DISTANCE", "ROW"], ["0.0000", "0"]]
    assert "have 2 dimensions" not in rehub(*words, "--output", "same").err
