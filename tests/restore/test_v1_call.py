"""A model in TF1 format is called like a `hub.Module`."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import InputMismatch, NotTrainable, SignatureNotFound


@pytest.fixture(scope="module")
def v1(tmp_path_factory):
    return hub.load(saved_models.save_v1(tmp_path_factory.mktemp("models") / "v1"))


@pytest.fixture(scope="module")
def text_embed():
    return hub.load(str(saved_models.LEGACY / "text_embed"))


@pytest.fixture(scope="module")
def multi_sig():
    return hub.load(str(saved_models.LEGACY / "multi_sig"))


def test_a_legacy_module_is_called_by_its_default_signature(text_embed):
    words = ["the cat", "dog"]
    expected = text_embed.signatures["default"](tf.constant(words))["default"].numpy()
    for inputs in (words, np.array(words), tf.constant(words), {"default": words}):
        np.testing.assert_array_equal(text_embed(inputs).numpy(), expected)


def test_as_dict_returns_all_outputs_by_name(text_embed):
    outputs = text_embed(["the cat"], signature="tokens", as_dict=True)
    assert sorted(outputs) == ["default", "ids"]


def test_a_tf1_savedmodel_is_called_by_serving_default_with_a_dict(v1):
    assert v1({"x": [1.0], "y": [2.0]}).numpy().tolist() == [5.0]
    assert v1({"x": [1.0], "y": [2.0]}, as_dict=True)["difference"].numpy().tolist() == [1.0]


def test_the_only_output_is_returned_under_any_name(v1):
    assert v1(["c", "a"], signature="find").numpy().tolist() == [2, 0]


def test_the_only_signature_is_called_under_any_name(tmp_path):
    model = hub.load(saved_models.save_replacing_v1(tmp_path / "model"))
    assert model(["banana"]).numpy().tolist() == [b"bbnbnb"]


def test_sparse_and_ragged_inputs_are_accepted(multi_sig):
    sparse = tf.sparse.from_dense(np.eye(2, 20, dtype=np.float32))
    table = multi_sig(signature="table").numpy()
    assert table.shape == (20, 6)
    assert multi_sig(sparse, signature="sparse").shape == (2, 4)
    ragged = tf.ragged.constant([[1, 2], [3]], dtype=tf.int64)
    assert multi_sig(ragged, signature="ragged", as_dict=True)["doubled"].to_list() == [[2, 4], [6]]
    with pytest.raises(InputMismatch, match=r"takes a tf.SparseTensor. Received: list"):
        multi_sig([1.0], signature="sparse")


def test_the_call_works_in_a_tf_function(text_embed):
    @tf.function
    def call(words):
        return text_embed(words, signature="tokens", as_dict=True)["default"]

    words = tf.constant(["the cat"])
    np.testing.assert_array_equal(call(words).numpy(), text_embed(words).numpy())


def test_gradients_flow_through_the_call(v1):
    x = tf.constant([1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = v1({"x": x, "y": x})
    assert tape.gradient(y, x).numpy().tolist() == [4.0]


def test_a_tf1_savedmodel_says_that_it_is_for_inference(v1):
    with pytest.raises(NotTrainable, match=r"training=True: .* is a TF1 SavedModel, which is restored for inference"):
        v1({"x": [1.0], "y": [1.0]}, training=True)


def test_a_legacy_module_in_a_graph_says_what_trains_it():
    path = str(saved_models.LEGACY / "text_embed")
    with tf.Graph().as_default():
        module = hub.load(path)
        assert module(["the cat"], training=False).shape[-1] == 8
        with pytest.raises(NotTrainable, match=r"is trained by hub\.Module\(.*text_embed', trainable=True\)"):
            module(["the cat"], training=True)


def test_an_unknown_signature_is_an_error_that_lists_the_signatures(v1):
    with pytest.raises(SignatureNotFound, match=r"no signature 'nope'; it has: find, serving_default"):
        v1(["a"], signature="nope")


def test_one_of_several_signatures_without_a_default_must_be_chosen(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [], "x")
        signature = tf.compat.v1.saved_model.predict_signature_def
        signatures = {"up": signature({"x": x}, {"y": x + 1.0}), "down": signature({"x": x}, {"y": x - 1.0})}
        builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    model = hub.load(str(tmp_path / "model"))
    with pytest.raises(SignatureNotFound, match=r"no signature 'serving_default' to be called by; it has: down, up"):
        model(1.0)
    assert model(1.0, signature="up").numpy() == 2.0


def test_missing_and_unknown_inputs_are_named(v1):
    with pytest.raises(InputMismatch, match=r"takes the inputs x, y\. Missing: y\. Unknown: z\."):
        v1({"x": [1.0], "z": [1.0]})


def test_one_tensor_for_several_inputs_is_an_error_that_asks_for_a_dict(v1):
    with pytest.raises(InputMismatch, match=r"takes the inputs x, y; give a dict of them. Received: list"):
        v1([1.0])


def test_inputs_of_another_type_are_an_error_that_names_the_right_type(v1):
    with pytest.raises(InputMismatch, match=r"Input 'x' of signature 'serving_default'.* takes a float32 tensor"):
        v1({"x": tf.constant(["text"]), "y": [1.0]})


def test_several_outputs_without_a_default_are_an_error_that_lists_them():
    guesslang = saved_models.PUBLISHED / "guesslang"
    if not guesslang.is_dir() or saved_models.IS_TF1:
        pytest.skip(f"needs TensorFlow 2 and the published models at {saved_models.PUBLISHED}")
    model = hub.load(str(guesslang))
    with pytest.raises(InputMismatch, match=r"no output named 'default'; it has: classes, scores"):
        model(["import os"])
    outputs = model(["import os\nfor x in range(3):\n    print(x)\n"], as_dict=True)
    best = int(tf.argmax(outputs["scores"][0]))
    assert outputs["classes"].numpy()[0][best] == b"py"


def test_a_published_module_with_eleven_inputs_is_called_with_a_dict():
    dm21 = saved_models.PUBLISHED / "dm21"
    if not dm21.is_dir():
        pytest.skip(f"the published models are not at {saved_models.PUBLISHED}")
    module = hub.load(str(dm21))
    with pytest.raises(InputMismatch, match=r"takes the inputs tensor_dict\$grid_coords, "):
        module([1.0])
    feeds = {}
    for key, slot in (
        module.signatures["default"].structured_input_signature[1].items() if not saved_models.IS_TF1 else ()
    ):
        shape = [2 if size is None else size for size in slot.shape]
        feeds[key] = tf.ones(shape, slot.dtype)
    if feeds:
        assert len(module(feeds, as_dict=True)) == 2


def test_the_object_is_still_the_one_that_tensorflow_restored(v1, tmp_path):
    plain = tf.compat.v1.saved_model.load_v2(saved_models.save_v1(tmp_path / "model"))
    assert isinstance(v1, type(plain))
    assert callable(v1)
    assert not callable(plain)
    tf.saved_model.save(v1, str(tmp_path / "again"), signatures=dict(v1.signatures))
    again = hub.load(str(tmp_path / "again"))
    result = again.signatures["serving_default"](x=tf.constant([1.0]), y=tf.constant([2.0]))
    assert result["default"].numpy().tolist() == [5.0]
