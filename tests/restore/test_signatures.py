from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import SignatureNotFound
from rehub.restore import get_signature


def test_a_signature_is_found_by_name():
    module = hub.load(str(saved_models.LEGACY / "text_embed"))
    assert get_signature(module, "tokens", "handle")(tf.constant(["the cat"]))["default"].shape == (1, 8)


def test_an_unknown_signature_is_an_error_that_lists_the_signatures():
    module = hub.load(str(saved_models.LEGACY / "text_embed"))
    with pytest.raises(SignatureNotFound, match=r"'my/handle' has no signature 'token'; it has: default, tokens\."):
        get_signature(module, "token", "'my/handle'")


def test_an_initialization_op_is_not_a_signature():
    restored = tf.Module()
    restored.signatures = {"__saved_model_init_op": print}
    with pytest.raises(SignatureNotFound, match=r"it has none at all"):
        get_signature(restored, "__saved_model_init_op", "handle")


def test_an_object_without_signatures_is_an_error_that_says_so():
    with pytest.raises(SignatureNotFound, match=r"it has none at all"):
        get_signature(tf.Module(), "default", "handle")


@pytest.mark.parametrize("kind", ["TF2 object", "TF1 graph", "legacy module"])
def test_a_missing_key_of_signatures_is_an_error_that_lists_them(tmp_path, kind):
    save = {"TF2 object": saved_models.save_lookup, "TF1 graph": saved_models.save_v1}.get(kind)
    model = str(saved_models.LEGACY / "text_embed") if save is None else save(tmp_path / "model")
    for loader in (None, "tensorflow"):
        signatures = hub.load(model, loader=loader).signatures
        names = ", ".join(signatures)
        with pytest.raises(KeyError, match=f"has no signature 'classify'; it has: {names}") as caught:
            signatures["classify"]
        assert isinstance(caught.value, SignatureNotFound)
        assert "classify" not in signatures
        assert signatures.get("classify") is None


def test_a_restored_object_that_lists_its_signatures_is_saved_again(tmp_path):
    restored = hub.load(saved_models.save_lookup(tmp_path / "model"))
    tf.saved_model.save(restored, str(tmp_path / "again"), restored.signatures)
    assert sorted(hub.load(str(tmp_path / "again")).signatures) == ["find", "serving_default"]
