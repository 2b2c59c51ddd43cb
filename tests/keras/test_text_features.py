"""hub.text_features: a layer that embeds texts by name, as the feature columns of an Estimator did."""

from __future__ import annotations

import numpy as np
import pytest
from saved_models import IS_TF1, LEGACY, tf

import rehub as hub
from rehub.errors import InputMismatch, InvalidSetting

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(IS_TF1, reason="a legacy module has no function to call in eager mode of TensorFlow 1.15"),
]
HANDLE = str(LEGACY / "text_embed")
TEXTS = {"title": tf.constant(["a cat", "the dog"]), "body": tf.constant([["dog"], ["a cat sits"]])}


def test_embeddings_are_side_by_side_in_the_order_of_the_names():
    embed = hub.load(HANDLE)
    features = hub.text_features({"title": HANDLE, "body": HANDLE})
    expected = tf.concat([embed(TEXTS["body"][:, 0]), embed(TEXTS["title"])], axis=1)
    np.testing.assert_allclose(features(TEXTS), expected, atol=1e-6)
    assert features.trainable_variables == []


def test_shared_layer_is_trained_and_other_columns_of_the_data_are_ignored():
    shared = hub.KerasLayer(HANDLE, trainable=True)
    model = tf.keras.Sequential([hub.text_features({"title": shared, "body": shared}), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors(({"a": tf.constant(["moon", "moon"]), **TEXTS}, tf.constant([[1.0], [0.0]])))
    before = model.predict(data, verbose=0)
    np.testing.assert_allclose(before, model(TEXTS), atol=1e-6)
    model.fit(data, shuffle=False, verbose=0)
    assert len(model.trainable_variables) == 2 + len(shared.trainable_variables) == 3
    assert not np.allclose(model.predict(data, verbose=0), before)


def test_error_names_the_texts_that_are_needed():
    with pytest.raises(InputMismatch, match=r"needs texts named \['title'\]; got \['body'\]"):
        hub.text_features({"title": HANDLE})({"body": TEXTS["body"]})


def test_no_columns_are_refused():
    with pytest.raises(InvalidSetting, match="at least one column"):
        hub.text_features({})
