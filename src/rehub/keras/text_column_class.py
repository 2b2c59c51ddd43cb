"""The class of the feature column that embeds text by a TF2 SavedModel. Importing this file imports TensorFlow."""

from __future__ import annotations

import collections
from typing import Any

from rehub import tf_internals
from rehub.errors import InputMismatch
from rehub.keras.layer import KerasLayer
from rehub.legacy.column_classes import EmbeddingColumn

_tf = tf_internals.import_tensorflow()


class TextEmbeddingColumnV2(
    EmbeddingColumn,
    tf_internals.feature_columns.dense_column_classes()[1],  # type: ignore[misc]
    collections.namedtuple("TextEmbeddingColumnV2", ("key", "module_path", "output_key", "trainable")),
):
    """The feature column that `text_embedding_column_v2` returns."""

    @property
    def parse_example_spec(self) -> dict[Any, Any]:
        return {self.key: _tf.io.FixedLenFeature([1], _tf.string)}

    @property
    def variable_shape(self) -> Any:
        return self._shape

    def create_state(self, state_manager: Any) -> None:
        trainable = self.trainable and tf_internals.feature_columns.is_trainable_state(state_manager)
        layer = KerasLayer(self.module_path, output_key=self.output_key, trainable=trainable)
        state_manager.add_resource(self, self._resource_name, layer)
        self._shape = _infer_output_shape(layer)

    @property
    def _resource_name(self) -> str:
        return f"hub_text_column_{self.key}"

    def get_dense_tensor(self, transformation_cache: Any, state_manager: Any) -> Any:
        texts = transformation_cache.get(self, state_manager)
        return state_manager.get_resource(self, self._resource_name)(_tf.reshape(texts, [-1]))


# Keras writes this name into a model's config, and looks it up in custom_objects. tensorflow_hub's models have it too.
TextEmbeddingColumnV2.__name__ = "_TextEmbeddingColumnV2"


def _infer_output_shape(layer: Any) -> Any:
    """Return the shape of a layer's output for one text."""
    texts = _tf.TensorSpec([None], _tf.string)
    embed = _tf.function(lambda texts: layer(texts), input_signature=[texts])  # noqa: PLW0108  tf.function takes no layer
    outputs = embed.get_concrete_function().structured_outputs
    if not hasattr(outputs, "shape"):
        raise InputMismatch(f"The model returns {outputs}, not one tensor. Name one of its outputs by output_key=.")
    return outputs.shape[1:]
