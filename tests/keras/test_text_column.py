"""hub.text_embedding_column_v2: a feature column of a TF2 SavedModel."""

from __future__ import annotations

import numpy as np
import pytest
from saved_models import IS_TF1, STRINGS, tf

import rehub as hub

DenseFeatures = getattr(tf.keras.layers, "DenseFeatures", None)
needs_tf2 = pytest.mark.skipif(IS_TF1, reason="layers of TensorFlow 1.15 cannot keep a column's model")
needs_dense_features = pytest.mark.skipif(
    IS_TF1 or DenseFeatures is None, reason="Keras 3 has no DenseFeatures, and that of TensorFlow 1.15 keeps no models"
)


class Lengths(tf.train.Checkpoint):
    """Texts -> [number of bytes * w, 1], w = 2; or that by name."""

    def __init__(self, by_name):
        super().__init__()
        self.w = tf.Variable(2.0)
        self.variables = self.trainable_variables = [self.w]
        self.by_name = by_name

    @tf.function(input_signature=[STRINGS])
    def __call__(self, texts):
        lengths = tf.cast(tf.strings.length(texts), tf.float32) * self.w
        outputs = tf.stack([lengths, tf.ones_like(lengths)], axis=1)
        return {"lengths": outputs} if self.by_name else outputs


@pytest.fixture
def lengths(tmp_path):
    def save(by_name=False):
        path = str(tmp_path / ("by_name" if by_name else "plain"))
        tf.saved_model.save(Lengths(by_name), path)
        return path

    return save


@needs_tf2
def test_a_column_has_a_parsing_spec_and_a_config(lengths):
    column = hub.text_embedding_column_v2("text", lengths(), trainable=True)
    assert column.parents == ["text"]
    assert tf.feature_column.make_parse_example_spec([column]) == {"text": tf.io.FixedLenFeature([1], tf.string)}
    assert type(column).from_config(column.get_config()) == column


@needs_dense_features
def test_a_layer_of_columns_embeds_and_learns(lengths):
    columns = [
        hub.text_embedding_column_v2("a", lengths(), trainable=True),
        hub.text_embedding_column_v2("b", lengths(by_name=True), output_key="lengths"),
    ]
    layer = DenseFeatures(columns)
    features = {"a": np.array(["x", "yy"]), "b": np.array(["zzz", ""])}
    assert layer(features).numpy().tolist() == [[2.0, 1.0, 6.0, 1.0], [4.0, 1.0, 0.0, 1.0]]
    assert len(layer.trainable_variables) == 1
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(features))
    assert tape.gradient(loss, layer.trainable_variables[0]).numpy() == 3.0


@needs_dense_features
def test_a_layer_of_columns_loads_under_the_name_in_tensorflow_hub(lengths):
    column = hub.text_embedding_column_v2("text", lengths())
    with hub.install_as_tensorflow_hub():
        from tensorflow_hub.feature_column_v2 import _TextEmbeddingColumnV2
    config = DenseFeatures([column]).get_config()
    assert config["feature_columns"][0]["class_name"] == "_TextEmbeddingColumnV2"
    custom_objects = {"_TextEmbeddingColumnV2": _TextEmbeddingColumnV2}
    layer = DenseFeatures.from_config(config, custom_objects)
    assert layer({"text": np.array(["one"])}).numpy().tolist() == [[6.0, 1.0]]


@needs_dense_features
def test_output_key_is_required_for_several_outputs(lengths):
    layer = DenseFeatures([hub.text_embedding_column_v2("a", lengths(by_name=True))])
    with pytest.raises(ValueError, match="output_key"):
        layer({"a": np.array(["x"])})


@pytest.mark.skipif(not IS_TF1, reason="newer TensorFlows can")
def test_error_on_tensorflow_1_15_names_the_version_needed(lengths):
    with pytest.raises(NotImplementedError, match="needs TensorFlow 2.2 or newer"):
        hub.text_embedding_column_v2("text", lengths())
