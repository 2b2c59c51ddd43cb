"""What `tensorflow_hub` loads from a service."""

from __future__ import annotations

import shutil

import pytest
import tensorflow as tf
from services import directory_of, serving

tensorflow_hub = pytest.importorskip("tensorflow_hub", reason="tensorflow_hub is not installed here, or broken")
pytestmark = pytest.mark.peers


def save_lookup(root):
    """A TF2 model with an asset."""
    root.parent.mkdir(parents=True)
    vocabulary = root.parent / "vocabulary.txt"
    vocabulary.write_text("a\nb\n")
    model = tf.Module()
    model.asset = tf.saved_model.Asset(str(vocabulary))
    lines = tf.lookup.TextFileInitializer(
        model.asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    model.table = tf.lookup.StaticHashTable(lines, -1)
    model.__call__ = tf.function(model.table.lookup, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(model, str(root))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    save_lookup(root / "acme" / "lookup" / "1")
    shutil.copytree(str(directory_of("text_embed")), str(root / "acme" / "text" / "1"))
    with serving(root, "--cache", tmp_path_factory.mktemp("archives")) as url:
        yield url


@pytest.mark.parametrize("path", ["acme/lookup/1", "acme/lookup"])
def test_a_tf2_model_with_an_asset_is_loaded(url, path):
    model = tensorflow_hub.load(f"{url}/{path}")
    assert model(tf.constant(["b", "z"])).numpy().tolist() == [1, -1]


@pytest.mark.parametrize("path", ["acme/text/1", "acme/text"])
def test_a_legacy_module_is_loaded(url, path):
    assert "default" in tensorflow_hub.load(f"{url}/{path}").signatures
