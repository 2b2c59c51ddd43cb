"""The code that is advised runs in TensorFlow, once the program's own names have values."""

from __future__ import annotations

from pathlib import Path

import pytest

import rehub as hub
from rehub.migrate.code.advice import write_advice

tf = pytest.importorskip("tensorflow", minversion="2.15", reason="the advice is for TensorFlow 2")

MODULES = Path(__file__).parents[2] / "data" / "legacy"
IMAGES = {"handle": repr(str(MODULES / "conv_bn")), "tensor_shape": "[None, 16, 16, 3]", "shape": "(16, 16, 3)"}
TEXTS = {
    "handle": repr(str(MODULES / "text_embed")),
    "dtype": "string",
    "key": "text",
    "shape": "()",
    "tensor_shape": "[None]",
    "values": "texts",
}


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("RH301", IMAGES),
        ("RH302", IMAGES),
        ("RH303", IMAGES),
        ("RH304", IMAGES),
        ("RH304", TEXTS),
        ("RH306", IMAGES),
        ("RH307", IMAGES),
        ("RH307", TEXTS),
        ("RH308", IMAGES),
        ("RH309", IMAGES),
        ("RH310", IMAGES),
    ],
)
def test_the_advice_runs(rule, facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = tf.random.stateless_uniform([4, 16, 16, 3], seed=[1, 2])
    names = {
        "tf": tf,
        "hub": hub,
        "images": images,
        "inputs": images,
        "texts": tf.constant(["a fine film", "not for me", "dull", "warm"]),
        "labels": tf.constant([0, 1, 1, 0]),
        "sparse": tf.sparse.from_dense([[1, 0], [0, 2]]),
    }
    if rule == "RH306":
        module = hub.load(str(MODULES / "conv_bn"))
        saved = {f"module/{name}": variable for name, variable in module.variable_map.items()}
        tf.compat.v1.train.Saver(saved).save(None, "./model.ckpt", write_meta_graph=False)
    exec(compile(write_advice(rule, **facts), rule, "exec"), names)
    if rule == "RH309":
        assert names["apply_module"](images).shape[0] == 4
