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


def check_inferences(elements, expected, *arguments, **options):
    """Check the inferences of a pipeline."""
    from apache_beam.ml.inference.base import RunInference
    from apache_beam.testing.util import assert_that, equal_to

    from rehub.beam import ModelHandler

    with beam.Pipeline() as pipeline:
        results = pipeline | beam.Create(elements) | RunInference(ModelHandler(*arguments, **options))
        assert_that(results | beam.Map(lambda result: result.inference), equal_to(expected))


def test_single_output_is_the_inference(models):
    check_inferences(["hello", "ab"], [5, 2], models / "lengths")


def test_elements_are_tensors_or_dicts_of_inputs(models):
    check_inferences([tf.constant(3)], [{"twice": 6, "half": 1.5}], models / "double")
    number = {"length": np.int64(4)}
    check_inferences([number], [{"twice": 8, "half": 2.0}], models / "double", signature="serving_default")


def test_preprocessor_and_shared_model(models):
    double = rehub.Predictor(models / "double", outputs=["twice"])
    check_inferences(["hello", "ab"], [4, 10], double, preprocessor=models / "lengths", large_model=True)
