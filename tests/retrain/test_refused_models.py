"""TF1 SavedModels that TensorFlow's loader refuses are traced again; `data/refused` has the results of TF 1.15."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub

REFUSED = Path(__file__).parents[1] / "data" / "refused"
RESULTS = json.loads((REFUSED / "results.json").read_text(encoding="utf-8"))
MODELS = sorted(RESULTS)


def tensors(inputs):
    as_bytes = {key: [v.encode("latin-1") for v in value] for key, value in inputs.items() if _has_texts(value)}
    return {key: tf.constant(as_bytes.get(key, value)) for key, value in inputs.items()}


def _has_texts(values):
    return isinstance(values[0], str)


def assert_results(call, recorded):
    for signature, results in recorded.items():
        outputs = call(signature, tensors(results["inputs"]))
        assert sorted(outputs) == sorted(results["outputs"])
        for key, expected in results["outputs"].items():
            np.testing.assert_allclose(outputs[key].numpy(), expected, rtol=1e-5, err_msg=f"{signature} {key}")


@pytest.fixture(scope="module")
def loaded():
    found = {}

    def load(name):
        if name not in found:
            found[name] = hub.load(str(REFUSED / name))
        return found[name]

    return load


@pytest.mark.parametrize("name", MODELS)
def test_a_refused_model_computes_what_tf_1_15_computes(loaded, name):
    model = loaded(name)
    assert hub.load_report(model).loader == "retrain"
    assert hub.load_report(model).reason.startswith("TensorFlow's loader refuses it: ")
    assert_results(lambda signature, inputs: model(inputs or None, signature=signature, as_dict=True), RESULTS[name])


def test_signatures_of_a_refused_model_take_keywords(loaded):
    model = loaded("fed_twice")
    assert_results(lambda signature, inputs: model.signatures[signature](**inputs), RESULTS["fed_twice"])


def test_a_refused_model_can_be_trained(loaded):
    model = loaded("fed_twice")
    inputs = tensors(RESULTS["fed_twice"]["serving_default"]["inputs"])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs, training=True))
    (gradient,) = tape.gradient(loss, model.trainable_variables)
    assert gradient.shape == (3, 2)
    assert np.abs(gradient.numpy()).min() > 0


@pytest.mark.parametrize("name", ["dropped_ops", "other_keys", "ranks", "references", "tables"])
def test_a_refused_model_can_be_converted(tmp_path, name):
    hub.convert(str(REFUSED / name), str(tmp_path / "converted"))
    model = tf.saved_model.load(str(tmp_path / "converted"))
    assert_results(lambda signature, inputs: model(inputs, signature=signature, as_dict=True), RESULTS[name])


def test_signatures_that_cannot_be_computed_say_why(loaded):
    model = loaded("signatures")
    with pytest.raises(
        hub.errors.InvalidModule, match="'missing' names tensors that its graph does not have: nowhere:0"
    ):
        model(tf.ones([1, 3]), signature="missing")
    with pytest.raises(hub.errors.MissingOp, match="TrainingOnly"):
        model(tf.ones([1, 3]), signature="unknown_op")


def test_a_placeholder_that_is_not_an_input_can_be_given(loaded):
    model = loaded("unfed")
    with pytest.raises(
        hub.errors.InvalidModule, match=r"'keep' needs a value.* model.prune\(feeds, fetches\) .* takes keep:0"
    ):
        model(tf.ones([1, 3]))
    function = model.prune(["x:0", "keep:0"], "y:0")
    np.testing.assert_allclose(function(tf.ones([1, 3]), tf.constant(2.0)).numpy(), [[1.2, 1.8]], rtol=1e-5)


def test_the_log_says_that_a_model_is_traced_again(caplog):
    with caplog.at_level(logging.INFO, logger="rehub"):
        hub.load(str(REFUSED / "references"))
    assert "is traced again. TensorFlow's loader refuses it" in caplog.text


def test_tensorflows_loader_alone_refuses_it():
    with pytest.raises(tf.errors.InvalidArgumentError, match="reference type"):
        hub.load(str(REFUSED / "references"), loader="tensorflow")


def test_a_damaged_checkpoint_is_not_hidden(tmp_path):
    shutil.copytree(str(REFUSED / "references"), str(tmp_path / "model"))
    data = tmp_path / "model/variables/variables.data-00000-of-00001"
    data.write_bytes(b"\xff" + data.read_bytes()[1:])
    with pytest.raises(hub.errors.CorruptModel, match="variables"):
        hub.load(str(tmp_path / "model"))


def test_the_checkpoint_of_another_model_is_not_hidden(tmp_path):
    shutil.copytree(str(REFUSED / "references"), str(tmp_path / "model"))
    shutil.rmtree(str(tmp_path / "model/variables"))
    shutil.copytree(str(REFUSED / "fed_twice/variables"), str(tmp_path / "model/variables"))
    with pytest.raises(hub.errors.CorruptModel, match="is not the checkpoint of this model: it has no value for"):
        hub.load(str(tmp_path / "model"))
