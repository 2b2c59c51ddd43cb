"""The Python code of README and docs/, run page by page, with small models in place of those that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rehub as hub

ROOT = Path(__file__).parent.parent
PAGES = [
    page for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))] if "```python" in page.read_text("utf-8")
]
HANDLE = "https://models.example.com/digits/features/1"

tf = pytest.importorskip("tensorflow", minversion="2.15", reason="the documentation is written for TensorFlow 2")


class ExampleModels:
    """Resolves the handle of the documentation to a model on this machine."""

    def __init__(self, directory):
        self.directory = directory

    def is_supported(self, handle):
        return handle == HANDLE

    def __call__(self, handle):
        return str(self.directory)


@pytest.fixture(scope="module")
def digit_features(tmp_path_factory):
    """A model like that of the pages: images of 8 by 8 pixels -> 4 features."""
    kernel = tf.Variable(tf.ones([64, 4]), name="kernel")

    @tf.function
    def call(images, training=False):
        return tf.reshape(images, [-1, 64]) @ kernel

    images = tf.TensorSpec([None, 8, 8, 1], tf.float32, name="images")
    model = tf.train.Checkpoint(kernel=kernel)
    model.__call__ = call
    for training in (True, False):
        call.get_concrete_function(images, training=training)
    model.variables = model.trainable_variables = [kernel]
    model.regularization_losses = [tf.function(lambda: 1e-4 * tf.nn.l2_loss(kernel), input_signature=[])]
    serving = tf.function(lambda images: {"features": call(images)}, input_signature=[images])
    directory = tmp_path_factory.mktemp("digits") / "1"
    tf.saved_model.save(model, str(directory), signatures={"serving_default": serving})
    hub.register_resolver(ExampleModels(directory))
    return directory


def save_flowers(directory):
    """Pictures of two classes: daisies are white, roses are red."""
    for name, colour in (("daisies", [220, 220, 220]), ("roses", [200, 20, 40])):
        (directory / name).mkdir(parents=True)
        for number in range(1, 11):
            picture = tf.cast(tf.broadcast_to(colour, [16, 16, 3]) - number, tf.uint8)
            tf.io.write_file(str(directory / name / f"{number}.jpg"), tf.io.encode_jpeg(picture))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_on_the_page_runs(page, digit_features, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "digits").symlink_to(digit_features)
    (tmp_path / "models" / "sentences").symlink_to(ROOT / "tests" / "data" / "legacy" / "text_embed")
    (tmp_path / "models" / "photos").symlink_to(ROOT / "tests" / "data" / "legacy" / "conv_bn")
    if "flowers" in page.read_text("utf-8"):
        save_flowers(tmp_path / "flowers")
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
    images = tf.random.stateless_uniform([16, 8, 8, 1], seed=[1, 2]).numpy()
    names = {
        "images": images,
        "labels": tf.range(16).numpy() % 2,
        "photos": tf.random.stateless_uniform([16, 16, 16, 3], seed=[1, 2]),
    }
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)
