"""rehub.beam.ModelHandler in pipelines of Apache Beam."""

from __future__ import annotations

import numpy as np
import pytest
from saved_models import STRINGS, tf

import rehub

beam = pytest.importorskip("apache_beam", reason="Apache Beam is not installed here; `nox -s beam` tests with it")

# Beam's imports and its direct runner raise unrelated warnings.
pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


class Lengths(tf.Module):
    """Texts -> their numbers of bytes."""

    @tf.function(input_signature=[STRINGS])
    def __call__(self, texts):
        return {"length": tf.strings.length(texts)}


class Double(tf.Module):
    """A number -> twice, and its half."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "length")])
    def __call__(self, length):
        return {"twice": 2 * length, "half": length / 2}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models")
    for name, model in {"lengths": Lengths(), "double": Double()}.items():
        tf.saved_model.save(model, str(directory / name), model.__call__)
    return directory


def run_handler(elements, *arguments, **options):
    """Return the results of a pipeline."""
    from apache_beam.ml.inference.base import RunInference

    from rehub.beam import ModelHandler

    found = []
    with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        handler = ModelHandler(*arguments, **options)
        _ = pipeline | beam.Create(elements) | RunInference(handler) | beam.Map(found.append)
    return sorted(found, key=str)


def test_single_output_is_the_inference(models):
    found = run_handler(["hello", "ab"], models / "lengths")
    assert [(result.example, result.inference) for result in found] == [("ab", 2), ("hello", 5)]


def test_elements_are_tensors_or_dicts_of_inputs(models):
    found = run_handler([tf.constant(3)], models / "double")
    assert found[0].inference == {"twice": 6, "half": 1.5}
    found = run_handler([{"length": np.int64(4)}], models / "double", signature="serving_default")
    assert found[0].inference == {"twice": 8, "half": 2.0}


def test_preprocessor_and_shared_model(models):
    double = rehub.Predictor(models / "double", outputs=["twice"])
    found = run_handler(["hello", "ab"], double, preprocessor=models / "lengths", large_model=True)
    assert [result.inference for result in found] == [4, 10]
