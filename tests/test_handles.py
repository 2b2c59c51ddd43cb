"""Text -> Handle."""

from __future__ import annotations

import pathlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehub.errors import InvalidHandle, UnsupportedFormat
from rehub.handles import Handle, Kind, parse

HOSTED = "?tf-hub-format=compressed"
TFHUB = "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/models/nnlm", "/models/nnlm"),
        ("models/nnlm", "models/nnlm"),
        ("./nnlm/", "./nnlm/"),
        ("~/nnlm", "~/nnlm"),
        (".", "."),
        ("/модели/größe 模型", "/модели/größe 模型"),
        ("C:\\models\\nnlm", "C:\\models\\nnlm"),
        ("C:/models/nnlm", "C:/models/nnlm"),
        ("C://models/nnlm", "C://models/nnlm"),
        ("/a/tfjs-model/x.keras", "/a/tfjs-model/x.keras"),
        ("/models/nnlm?x=1#y", "/models/nnlm?x=1#y"),
        ("file:///models/nnlm", "/models/nnlm"),
        ("FILE://localhost/models/nnlm", "/models/nnlm"),
        ("file:///models/gr%C3%B6%C3%9Fe%20%25", "/models/größe %"),
        ("file:///models/größe", "/models/größe"),
        ("file:///models/a?b#c", "/models/a?b#c"),
    ],
)
def test_a_path_is_a_path(text, path):
    assert parse(text) == Handle(text, Kind.PATH, path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (TFHUB, TFHUB + HOSTED),
        ("http://localhost:8080/p/m", "http://localhost:8080/p/m" + HOSTED),
        ("HTTPS://tfhub.dev/p/m/1", "HTTPS://tfhub.dev/p/m/1" + HOSTED),
        ("https://h/p/m/1?", "https://h/p/m/1" + HOSTED),
        ("https://h/p/m/1?a=b&", "https://h/p/m/1?a=b&tf-hub-format=compressed"),
        # What a server has signed must reach it as it was: urlencode would make %2F of the slash and + of %20.
        ("https://h/m?s=a/b%20c+d%2F~&e=", "https://h/m?s=a/b%20c+d%2F~&e=&tf-hub-format=compressed"),
        ("https://h/m#part", f"https://h/m{HOSTED}#part"),
        ("https://h/m?tf-hub-format=compressed", "https://h/m?tf-hub-format=compressed"),
        ("https://h/m.tar.gz", "https://h/m.tar.gz"),
        ("https://h/m.TGZ?X-Goog-Signature=0a", "https://h/m.TGZ?X-Goog-Signature=0a"),
        ("https://h/lite-model/m.tar", "https://h/lite-model/m.tar"),
        ("https://h/m.zip", "https://h/m.zip"),
        ("https://h/m.tar.zst", "https://h/m.tar.zst"),
        (
            "https://hub.tensorflow.google.cn/google/nnlm-zh-dim50/2",
            "https://gcs.tensorflow.google.cn/tfhub-modules/google/nnlm-zh-dim50/2.tar.gz",
        ),
    ],
)
def test_a_url_asks_for_the_archive(text, url):  # P34, P16
    assert parse(text) == Handle(text, Kind.URL, url)


@pytest.mark.parametrize(
    ("text", "loaded_by"),
    [
        ("https://tfhub.dev/tensorflow/tfjs-model/ssd/1/default/1", "tf.loadGraphModel"),
        ("https://tfhub.dev/tensorflow/ssd/1?tfjs-format=compressed", "tf.loadGraphModel"),
        ("https://tfhub.dev/tensorflow/ssd/1/model.json?tfjs-format=file", "tf.loadGraphModel"),
        ("https://tfhub.dev/google/lite-model/aiy/1", "tf.lite.Interpreter"),
        ("https://tfhub.dev/google/coral-model/aiy/1", "tf.lite.Interpreter"),
        ("https://tfhub.dev/google/aiy/1?a=b&lite-format=tflite", "tf.lite.Interpreter"),
        ("https://example.com/m.tflite", "tf.lite.Interpreter"),
        ("https://example.com/m.keras", "keras.models.load_model"),
        ("https://example.com/m.H5?download=1", "keras.models.load_model"),
        ("https://example.com/m.hdf5", "keras.models.load_model"),
        ("https://example.com/m.onnx", "onnxruntime"),
        ("https://example.com/m.pt", "torch.load"),
        ("https://example.com/m.safetensors", "safetensors"),
    ],
)
def test_a_model_of_another_kind_is_named_with_what_loads_it(text, loaded_by):  # P31, P36
    with pytest.raises(UnsupportedFormat) as error:
        parse(text)
    assert loaded_by in str(error.value)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("handle", "words"),
    [
        (None, "Expected a string, got None"),
        (3, "Expected a string, got 3"),
        (["/models"], "Expected a string, got ['/models']"),
        ("", "empty"),
        ("a\0b", "zero byte"),
        ("file:///a%00b", "file:///absolute/path"),
        ("file://", "file:///absolute/path"),
        ("file://server/share", "'server'"),
        ("https:///m", "no host"),
        ("https://[::1/m", "no URL"),
        ("gs://bucket/m", "does not fetch from gs://"),
        ("gs://bucket/m.tar.gz", "rehub.register_resolver"),
        ("S3://bucket/m", "does not fetch from s3://"),
        ("hf://google/bert", "does not fetch from hf://"),
    ],
)
def test_what_is_no_handle_is_refused_with_the_accepted_forms(handle, words):
    with pytest.raises(InvalidHandle) as error:
        parse(handle)
    assert words in str(error.value)


def test_bytes_and_paths_are_handles():
    assert parse(b"/models/nnlm") == parse("/models/nnlm")
    assert parse("/größe".encode()) == parse("/größe")
    assert parse(pathlib.PurePosixPath("/models/nnlm")) == parse("/models/nnlm")


@given(st.one_of(st.text(), st.from_regex(r"(https?|file|gs|HTTP)://[^\0]*", fullmatch=True)))
def test_any_text_is_a_handle_that_prints_as_it_was_typed_or_is_refused(text):
    try:
        handle = parse(text)
    except (InvalidHandle, UnsupportedFormat):
        return
    assert str(handle) == text
    assert parse(str(handle)) == handle


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_a_path_survives_its_file_url(name):
    path = "/" + name
    assert parse(pathlib.PurePosixPath("/").as_uri() + percent_encoded(name)).location == path


def percent_encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.skipif(sys.platform == "win32", reason="paths are no bytes on Windows")
@given(st.binary(min_size=1))
def test_any_bytes_without_zero_are_a_handle(raw):
    if b"\0" in raw or b"://" in raw:
        return
    assert parse(raw).kind is Kind.PATH
