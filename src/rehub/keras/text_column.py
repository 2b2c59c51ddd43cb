"""`hub.text_embedding_column_v2`: a feature column that embeds text by a TF2 SavedModel."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import OptionsUnsupported


def text_embedding_column_v2(key: Any, module_path: Any, output_key: str | None = None, trainable: bool = False) -> Any:
    """Embed a text feature by a TF2 SavedModel, which `hub.KerasLayer` calls.

    Args:
        key: the name of the feature: one string for each example.
        module_path: a handle. The model takes strings of shape [batch_size] and returns a tensor of shape
            [batch_size, dimensions].
        output_key: which output to use, if the model returns several by name.
        trainable: whether the model is fine-tuned.

    Returns:
        A feature column of dense values, for `tf.keras.layers.DenseFeatures` of Keras 2, and Estimators.

    Raises:
        OptionsUnsupported: in TensorFlow 1.15, layers of feature columns cannot keep a model.
    """
    tf = tf_internals.import_tensorflow()
    if not tf_internals.keras.layers_keep_resources():
        raise OptionsUnsupported(
            f"text_embedding_column_v2 needs TensorFlow 2.2 or newer; this is {tf.__version__}, whose layers of "
            "feature columns track no models. For a legacy module there is hub.text_embedding_column."
        )
    from rehub.keras.text_column_class import TextEmbeddingColumnV2

    return TextEmbeddingColumnV2(key, module_path, output_key, trainable)
