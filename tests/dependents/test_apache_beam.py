"""Apache Beam's handlers for TensorFlow Hub run with rehub in place of tensorflow_hub, unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from saved_models import STRINGS, tf

import rehub

beam = pytest.importorskip("apache_beam", reason="Apache Beam is not installed here; `nox -s beam` tests with it")

# Beam's imports and its direct runner raise unrelated warnings.
pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def tensorflow_hub_is_rehub():
    with rehub.install_as_tensorflow_hub():
        yield


class Lengths(tf.Module):
    """Texts -> their numbers of bytes, twice."""

    @tf.function(input_signature=[STRINGS])
    def __call__(self, texts):
        return tf.stack([tf.cast(tf.strings.length(texts), tf.float32)] * 2, axis=1)


def test_texts_are_embedded_by_a_model_of_a_hub(tmp_path):
    from apache_beam.ml.transforms.base import MLTransform
    from apache_beam.ml.transforms.embeddings.tensorflow_hub import TensorflowHubTextEmbeddings
    from apache_beam.testing.util import assert_that, equal_to

    tf.saved_model.save(Lengths(), str(tmp_path / "model"))
    embed = TensorflowHubTextEmbeddings(columns=["text"], hub_url=str(tmp_path / "model"))
    with beam.Pipeline() as pipeline:
        texts = pipeline | beam.Create([{"text": "hello"}, {"text": "ab"}])
        transform = MLTransform(write_artifact_location=str(tmp_path / "artifacts")).with_transform(embed)
        assert_that(texts | transform, equal_to([{"text": [5.0, 5.0]}, {"text": [2.0, 2.0]}]))


def test_a_model_of_a_hub_is_run_on_tensors(tmp_path):
    from apache_beam.ml.inference.base import RunInference
    from apache_beam.ml.inference.tensorflow_inference import TFModelHandlerNumpy
    from apache_beam.testing.util import assert_that, equal_to

    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    model.save(str(tmp_path / "model"), save_format="tf")
    with beam.Pipeline() as pipeline:
        numbers = pipeline | beam.Create([np.array([1.0, 2.0], np.float32)])
        results = numbers | RunInference(TFModelHandlerNumpy(str(tmp_path / "model")))
        assert_that(results | beam.Map(lambda result: float(result.inference[0])), equal_to([3.0]))
