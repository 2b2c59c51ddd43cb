"""The lines on a model's page run as they stand."""

from __future__ import annotations

import html
import re
import shutil

import pytest
import requests
import tensorflow as tf
from services import directory_of, serving


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name in ("text_embed", "conv_bn", "multi_sig"):
        shutil.copytree(str(directory_of(name)), str(root / "acme" / name / "1"))
    save_dense(root / "acme" / "dense" / "1")
    with serving(root, "--cache", tmp_path_factory.mktemp("cache")) as url:
        yield url


def save_dense(path):
    model = tf.Module()
    model.kernel = tf.Variable(tf.ones([3, 2]))
    specs = [tf.TensorSpec([None, 3], tf.float32)]
    model.__call__ = tf.function(lambda inputs: inputs @ model.kernel, input_signature=specs)
    tf.saved_model.save(model, str(path))


@pytest.mark.parametrize("name", ["text_embed", "conv_bn", "multi_sig", "dense"])
def test_the_snippets_of_a_page_run(url, name):
    page = requests.get(f"{url}/acme/{name}", headers={"Accept": "text/html"}).text
    blocks = re.findall(r'<pre tabindex="0" aria-label="([^"]+)"><code>(.*?)</code></pre>', page, re.DOTALL)
    snippets = {label: html.unescape(code) for label, code in blocks}
    assert {"Load it", "On the command line"} <= {*snippets}
    for label in ("Load it", "In Keras"):
        found = {}
        exec(snippets.get(label, "outputs = None"), found)
        assert "outputs" in found
