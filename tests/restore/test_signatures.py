from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import SignatureNotFound
from rehub.restore import signature_of


def test_a_signature_is_found_by_name():
    module = hub.load(str(saved_models.LEGACY / "text_embed"))
    assert signature_of(module, "tokens", "handle")(tf.constant(["the cat"]))["default"].shape == (1, 8)


def test_an_unknown_signature_is_an_error_that_lists_those_there_are():
    module = hub.load(str(saved_models.LEGACY / "text_embed"))
    with pytest.raises(SignatureNotFound, match=r"'my/handle' has no signature 'token'; it has: default, tokens\."):
        signature_of(module, "token", "'my/handle'")


def test_an_initialisation_op_is_no_signature():
    restored = tf.Module()
    restored.signatures = {"__saved_model_init_op": print}
    with pytest.raises(SignatureNotFound, match=r"it has none at all"):
        signature_of(restored, "__saved_model_init_op", "handle")


def test_an_object_without_signatures_says_so():
    with pytest.raises(SignatureNotFound, match=r"it has none at all"):
        signature_of(tf.Module(), "default", "handle")
