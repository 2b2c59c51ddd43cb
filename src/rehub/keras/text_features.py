"""`hub.text_features`: a Keras layer that embeds texts by name, in place of feature columns."""

from __future__ import annotations

import functools
from typing import Any, Mapping

from rehub import tf_internals
from rehub.errors import InputMismatch, InvalidSetting
from rehub.keras.keras_in_use import keras_in_use
from rehub.keras.layer import KerasLayer


def text_features(columns: Mapping[str, Any], trainable: Any = False) -> Any:
    """Make a Keras layer that embeds a text for each name, and concatenates the embeddings.

    It does what `hub.text_embedding_column` did for a canned Estimator:

        features = hub.text_features({"title": "models/sentences", "body": "models/sentences"})
        model = tf.keras.Sequential([features, tf.keras.layers.Dense(1)])
        logits = model({"title": tf.constant(["Rain"]), "body": tf.constant(["It rains."])})

    The layer finds its texts by name and ignores the rest of the dict. A functional model does not: Keras 3 takes the
    values of a dict in the order of the names, even if some names are not inputs of the model.

    Args:
        columns: for each name, what embeds its texts: a handle, for `hub.KerasLayer`; or a layer. Two names with the
            same layer share its weights. The model or layer takes strings of shape [batch_size] and returns floats of
            shape [batch_size, dimensions].
        trainable: whether layers made for handles are trained, as in `hub.KerasLayer`.

    Returns:
        A layer of the Keras in use. It takes a dict of texts by name, each of shape [batch_size] or [batch_size, 1],
        and returns the embeddings side by side, in the order of the sorted names, as feature columns had them.

    Raises:
        InvalidSetting: there are no columns.
    """
    if not columns:
        raise InvalidSetting("text_features needs at least one column: hub.text_features({'text': handle})")
    embeddings = {
        name: column if callable(column) else KerasLayer(column, trainable) for name, column in columns.items()
    }
    return _make_layer_class(keras_in_use().module.layers.Layer)(embeddings)


@functools.lru_cache(maxsize=None)
def _make_layer_class(base: Any) -> Any:
    tf = tf_internals.import_tensorflow()

    class TextFeatures(base):  # type: ignore[misc]
        """A layer that embeds texts by name."""

        def __init__(self, embeddings: Mapping[str, Any], **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.embeddings = dict(embeddings)

        def call(self, inputs: Mapping[str, Any]) -> Any:
            """Return the embeddings of a dict of texts."""
            missing = [name for name in self.embeddings if name not in inputs]
            if missing:
                raise InputMismatch(f"text_features needs texts named {sorted(self.embeddings)}; got {sorted(inputs)}.")
            texts = {name: tf.reshape(inputs[name], [-1]) for name in self.embeddings}
            return tf.concat([self.embeddings[name](texts[name]) for name in sorted(self.embeddings)], axis=-1)

    return TextFeatures
