"""Text -> Handle."""

from __future__ import annotations

import pathlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehub.errors import InvalidHandle, UnsupportedFormat
from rehub.handles import Scheme, parse_handle
from rehub.redaction import redact_text

HOSTED = "?tf-hub-format=compressed"
TFHUB = "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"
SHA256 = "0123456789abcdef" * 4


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
        ("/models/nnlm#sha256=12", "/models/nnlm#sha256=12"),
        ("file:///models/nnlm", "/models/nnlm"),
        ("FILE://localhost/models/nnlm", "/models/nnlm"),
        ("file:///models/gr%C3%B6%C3%9Fe%20%25", "/models/größe %"),
        ("file:///models/größe", "/models/größe"),
        ("file:///models/a?b#c", "/models/a?b#c"),
        ("local:///models/nnlm", "/models/nnlm"),
    ],
)
def test_path_is_parsed_as_a_path(text, path):
    assert (parse_handle(text).scheme, parse_handle(text).location) == (Scheme.PATH, path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:8080/p/m", "http://localhost:8080/p/m" + HOSTED),
        ("HTTPS://example.com/p/m/1", "HTTPS://example.com/p/m/1" + HOSTED),
        ("https://h/p/m/1?", "https://h/p/m/1" + HOSTED),
        ("https://h/p/m/1?a=b&", "https://h/p/m/1?a=b&tf-hub-format=compressed"),
        # What a server has signed must reach it as it was: urlencode would make %2F of the slash and + of %20.
        ("https://h/m?s=a/b%20c+d%2F~&e=", "https://h/m?s=a/b%20c+d%2F~&e=&tf-hub-format=compressed"),
        ("https://h/m#part", f"https://h/m{HOSTED}"),
        (f"https://h/m#sha256={SHA256}", f"https://h/m{HOSTED}"),
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
        ("https://huggingface.co/o/r/resolve/main/m.tar.gz", "https://huggingface.co/o/r/resolve/main/m.tar.gz"),
        ("https://www.kaggle.com/api/v1/models/x.tar.gz", "https://www.kaggle.com/api/v1/models/x.tar.gz"),
    ],
)
def test_url_requests_the_archive(text, url):
    assert (parse_handle(text).scheme, parse_handle(text).location) == (Scheme.URL, url)


KAGGLE = "https://www.kaggle.com/models/google/nnlm/tensorFlow2/en-dim128/1"
UNVERSIONED = "https://www.kaggle.com/models/google/nnlm/tensorFlow2/en-dim128"

# The canonical form of a model, and other spellings of it.
SPELLINGS = {
    TFHUB: [
        TFHUB.replace("https:", "http:"),
        TFHUB.replace("https://tfhub.dev", "HTTPS://TFHub.dev:443"),
        TFHUB.replace("//", "//www."),
        TFHUB + "/",
        TFHUB + "?tf-hub-format=compressed",
        TFHUB + "?tfhub-redirect=true",
        TFHUB + "#intro",
    ],
    "https://h/p/m%20x": ["https://h/p/m x/", "HTTPS://H:443/p/m%20x", "https://me:secret@h/p/m%20x"],
    "http://h/p/m": ["http://h:80/p/m", "http://h/p/m?tf-hub-format=uncompressed"],
    "http://[::1]:8/m": ["http://[::1]:8/m/"],
    "https://h/gr%C3%B6%C3%9Fe": ["https://h/größe"],
    "https://h/m?a=b&c": ["https://h/m/?a=b&c&", "https://h/m?a=b&tf-hub-format=compressed&c"],
    "https://storage.googleapis.com/b/m.tar.gz": [
        "https://storage.googleapis.com/b/m.tar.gz?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=0a",
        "https://storage.googleapis.com/b/m.tar.gz?x-goog-signature=0b#x",
    ],
    "https://b.s3.amazonaws.com/m.tgz?versionId=1": [
        "https://b.s3.amazonaws.com/m.tgz?X-Amz-Date=20240318T000000Z&versionId=1&X-Amz-Signature=0a"
    ],
    KAGGLE: [
        "https://kaggle.com/models/google/nnlm/tensorFlow2/en-dim128/1",
        "http://www.kaggle.com/models/google/nnlm/TensorFlow2/en-dim128/1/",
        "https://www.kaggle.com/models/google/nnlm/tensorflow2/en-dim128/1?tfhub-redirect=true",
        "https://www.kaggle.com/models/google/nnlm/frameworks/TensorFlow2/variations/en-dim128/versions/1",
        "https://www.kaggle.com/models/google/nnlm/tensor_flow_2/en-dim128/01#card",
        "kaggle://google/nnlm/tensorFlow2/en-dim128/1",
        "Kaggle://google/nnlm/TENSORFLOW2/en-dim128/1",
        "kaggle://google/nnlm/frameworks/tensorFlow2/variations/en-dim128/versions/1",
    ],
    UNVERSIONED: [
        "https://www.kaggle.com/models/google/nnlm/frameworks/tensorFlow2/variations/en-dim128",
        "kaggle://google/nnlm/TensorFlow2/en-dim128/",
    ],
    "hf://owner/repo": [
        "hf://owner/repo/",
        "hf://owner/repo@main",
        "hf://models/owner/repo",
        "https://huggingface.co/owner/repo",
        "https://hf.co/owner/repo/?library=keras",
        "https://huggingface.co/owner/repo/tree/main",
        "http://www.huggingface.co/owner/repo@main#usage",
    ],
    "hf://owner/repo@v1/saved%20model/1": [
        "hf://owner/repo@v1/saved model/1",
        "https://huggingface.co/owner/repo/tree/v1/saved%20model/1",
        "https://huggingface.co/owner/repo/blob/v1/saved%20model/1/",
        "https://huggingface.co/owner/repo@v1/saved%20model/1",
    ],
    "hf://owner/repo@refs/pr/1/sub": [
        "hf://owner/repo@refs%2Fpr%2F1/sub",
        "https://huggingface.co/owner/repo/tree/refs%2Fpr%2F1/sub",
    ],
    "hf://owner/repo@feature%2Fx": ["https://huggingface.co/owner/repo/tree/feature%2Fx"],
    "gs://bucket/größe x/m": ["gs://bucket/größe x/m/", "GS://bucket/größe x/m", "gcs://bucket/größe x/m//"],
    "s3://bucket/m.tar.gz": ["s3a://bucket/m.tar.gz", "S3://bucket/m.tar.gz"],
    "memory://m": ["memory://m/"],
    f"https://h/m#sha256={SHA256}": [f"https://h:443/m/#sha256={SHA256.upper()}"],
    f"gs://b/m.zip#sha256={SHA256}": [f"gcs://b/m.zip#sha256={SHA256}"],
}


@pytest.mark.parametrize(("canonical", "text"), [(c, text) for c, texts in SPELLINGS.items() for text in [c, *texts]])
def test_all_spellings_of_a_model_have_one_canonical_form(canonical, text):
    assert parse_handle(text).canonical == canonical
    assert parse_handle(text).cache_keys[0] == canonical


@pytest.mark.parametrize("text", [text for texts in SPELLINGS.values() for text in texts])
def test_typed_text_is_a_cache_key_too(text):
    expected = [parse_handle(text).canonical] if "#sha256=" in text else [parse_handle(text).canonical, text]
    assert list(parse_handle(text).cache_keys) == expected


def test_different_models_have_different_canonical_forms():
    different = [
        *SPELLINGS,
        "https://tfhub.dev/google/nnlm/1",
        "https://tfhub.dev/google/nnlm/2",
        "https://h/P/m%20x",
        "https://h:8443/p/m%20x",
        "https://h/m?a=c&c",
        "kaggle://google/nnlm/tensorFlow1/en-dim128/1",
        "kaggle://google/nnlm/tensorFlow2/en-dim128/10",
        "hf://owner/repo@v2/saved model/1",
        "hf://owner/repo/saved model/1",
        "s3://bucket/M.tar.gz",
        f"https://h/m#sha256={SHA256[::-1]}",
        "https://h/m",
    ]
    assert len({parse_handle(text).canonical for text in different}) == len(different)


@pytest.mark.parametrize(
    ("text", "scheme", "location", "version", "directory"),
    [
        (TFHUB, Scheme.TFHUB, TFHUB + HOSTED, None, ""),
        ("http://tfhub.dev/g/m/1/?x", Scheme.TFHUB, "https://tfhub.dev/g/m/1" + HOSTED, None, ""),
        (KAGGLE, Scheme.KAGGLE, "google/nnlm/tensorFlow2/en-dim128", "1", ""),
        (UNVERSIONED, Scheme.KAGGLE, "google/nnlm/tensorFlow2/en-dim128", None, ""),
        ("kaggle://o/m/newThing/v.1_x", Scheme.KAGGLE, "o/m/newThing/v.1_x", None, ""),
        ("hf://o/r", Scheme.HUGGING_FACE, "o/r", None, ""),
        ("hf://o/r@v1/a/b", Scheme.HUGGING_FACE, "o/r", "v1", "a/b"),
        ("hf://o/r@refs/pr/1", Scheme.HUGGING_FACE, "o/r", "refs/pr/1", ""),
        ("hf://o/r/m.tar.gz", Scheme.HUGGING_FACE, "o/r", None, "m.tar.gz"),
        ("gs://b/m", Scheme.OBJECT_STORE, "gs://b/m", None, ""),
        ("s3n://b/m", Scheme.OBJECT_STORE, "s3://b/m", None, ""),
        ("shelf://m", Scheme.OBJECT_STORE, "shelf://m", None, ""),
    ],
)
def test_remote_handle_is_parsed(text, scheme, location, version, directory):
    handle = parse_handle(text)
    assert (handle.scheme, handle.location, handle.version, handle.directory) == (scheme, location, version, directory)


@pytest.mark.parametrize("text", ["https://h/m", "https://tfhub.dev/g/m/1", "s3://b/m.zip", "/m.zip", "file:///m.zip"])
def test_hash_of_the_archive_is_parsed(text):
    handle = parse_handle(f"{text}#sha256={SHA256.upper()}")
    assert handle.sha256 == SHA256
    assert handle.location == parse_handle(text).location
    assert parse_handle(text).sha256 is None


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
        ("https://example.com/tfjs/model.json", "tf.loadGraphModel"),
        ("https://example.com/m.keras", "keras.models.load_model"),
        ("https://example.com/m.H5?download=1", "keras.models.load_model"),
        ("https://example.com/m.hdf5", "keras.models.load_model"),
        ("https://example.com/m.onnx", "onnxruntime"),
        ("https://example.com/m.pt", "torch.load"),
        ("https://example.com/m.safetensors", "safetensors"),
        ("kaggle://google/aiy/TfLite/vision/1", "tf.lite.Interpreter"),
        ("https://www.kaggle.com/models/google/aiy/frameworks/tfLite/variations/vision/versions/1", "Interpreter"),
        ("kaggle://google/aiy/coral/vision", "tf.lite.Interpreter"),
        ("https://www.kaggle.com/models/tensorflow/ssd/tfJs/default/1", "tf.loadGraphModel"),
        ("https://huggingface.co/o/r/blob/main/tf_model.h5", "load_weights"),
        ("hf://o/r/model.safetensors", "safetensors"),
        ("gs://b/m.keras", "keras.models.load_model"),
    ],
)
def test_other_format_is_named_with_its_loader(text, loaded_by):
    with pytest.raises(UnsupportedFormat) as error:
        parse_handle(text)
    assert loaded_by in str(error.value)
    assert redact_text(text) in str(error.value)


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
        ("https://[::1/m", "not a URL"),
        ("https://h:99999/m", "not a URL"),
        ("https://h/m#sha256=12", "64 hex digits"),
        (f"https://h/m#SHA256={SHA256}", "64 hex digits"),
        (f"https://h/m#sha256:{SHA256}", "64 hex digits"),
        (f"https://h/m#sha-512={SHA256}", "64 hex digits"),
        (f"https://h/m#egg=m&sha256={SHA256}", "64 hex digits"),
        ("https://h/m#md5=0", "64 hex digits"),
        ("https://me#pw@h/m", "%23"),
        ("https://me?pw@h/m", "%3F"),
        ("https://me:80\\@h/m", "%5C"),
        ("gs://", "rehub.register_resolver"),
        ("s3:///", "rehub.register_resolver"),
        ("kaggle://google/nnlm", "kaggle://owner/model/framework/variation"),
        ("kaggle://google/nnlm/tensorFlow2/en-dim128/latest", "/version (a number)"),
        ("kaggle://google/nnlm/tensorFlow2/en-dim128/0", "/version (a number)"),
        ("kaggle://google/nnlm/tensorFlow2/../1", "kaggle://owner/model/framework/variation"),
        ("https://www.kaggle.com/models/google/nnlm", "kaggle://owner/model/framework/variation"),
        (f"kaggle://g/m/tensorFlow2/v/1#sha256={SHA256}", "Name a version"),
        ("hf://bert-base-uncased", "hf://owner/repo"),
        ("hf://datasets/owner/data", "hf://owner/repo"),
        ("hf://owner/repo/../secret", "hf://owner/repo"),
        ("hf://owner/repo/x%2F..%2F..", "hf://owner/repo"),
        ("https://huggingface.co/spaces/owner/demo", "hf://owner/repo"),
        ("https://huggingface.co/owner/repo/discussions/1", "hf://owner/repo"),
        (f"hf://owner/repo#sha256={SHA256}", "hf://owner/repo@commit"),
    ],
)
def test_invalid_handle_is_refused_with_the_accepted_forms(handle, words):
    with pytest.raises(InvalidHandle) as error:
        parse_handle(handle)
    assert words in str(error.value)


def test_bytes_and_paths_are_handles():
    assert parse_handle(b"/models/nnlm") == parse_handle("/models/nnlm")
    assert parse_handle("/größe".encode()) == parse_handle("/größe")
    assert parse_handle(pathlib.PurePosixPath("/models/nnlm")) == parse_handle("/models/nnlm")


HOSTS = "h|tfhub[.]dev|www[.]kaggle[.]com/models|huggingface[.]co|me:pw@h:80"
ANY_HANDLE = st.one_of(
    st.text(),
    st.from_regex(rf"(https?|HTTP)://({HOSTS})[^\0]*", fullmatch=True),
    st.from_regex(r"(file|gs|gcs|s3|hf|kaggle|x)://[^\0]*", fullmatch=True),
    st.from_regex(r"(hf://|https://huggingface[.]co/)\w+/\w+(@[^\0]{1,9})?(/[^\0]{1,9})*", fullmatch=True),
    st.from_regex(r"kaggle://\w+/\w+/(tensorFlow|TENSOR_FLOW|x)[12]/[\w.-]+(/[0-9]+)?/?", fullmatch=True),
)


@given(ANY_HANDLE)
def test_any_text_is_a_handle_or_is_refused(text):
    try:
        handle = parse_handle(text)
    except (InvalidHandle, UnsupportedFormat):
        return
    assert handle.text == text
    assert parse_handle(handle.text) == handle


def test_half_of_a_surrogate_pair_is_not_a_repository():
    with pytest.raises(InvalidHandle, match="surrogate"):
        parse_handle("hf://owner/model@\ud800")


@given(ANY_HANDLE)
def test_canonical_form_is_a_handle_of_the_same_model(text):
    try:
        handle = parse_handle(text)
    except (InvalidHandle, UnsupportedFormat):
        return
    if handle.scheme in (
        Scheme.PATH,
        Scheme.URL,
    ):  # A path may look like a URL once it is decoded, a URL's "m.zip/" is none.
        return
    again = parse_handle(handle.canonical)
    assert again.canonical == handle.canonical
    assert (again.scheme, again.location) == (handle.scheme, handle.location)
    assert (again.version, again.directory, again.sha256) == (handle.version, handle.directory, handle.sha256)


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_path_round_trips_through_its_file_url(name):
    path = "/" + name
    assert parse_handle(pathlib.PurePosixPath("/").as_uri() + percent_encoded(name)).location == path


def percent_encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.skipif(sys.platform == "win32", reason="paths are no bytes on Windows")
@given(st.binary(min_size=1))
def test_any_bytes_without_zero_are_a_handle(raw):
    if b"\0" in raw or b"://" in raw:
        return
    assert parse_handle(raw).scheme is Scheme.PATH
