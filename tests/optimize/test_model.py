"""`hub.load(..., optimize="inference")`: what the object computes, has, refuses and reports."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import SignatureNotFound
from rehub.optimize import target
from rehub.optimize.choices import choose_form

if saved_models.IS_TF1:
    pytest.skip("TensorFlow 1.15 cannot optimize; test_optimizing_refused.py is about that", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("few_measurements")
ROWS = tf.TensorSpec([None, 128], tf.float32, name="rows")
X = tf.constant(np.random.RandomState(0).random_sample((3, 128)), tf.float32)


class Product(tf.Module):
    """Multiplies its variables in each call; its frozen form does so once, in advance."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(tf.random.stateless_normal((128, 128), (1, 2), stddev=0.09))
        self.calls = tf.Variable(0)

    def product(self):
        """The factor to the twelfth power."""
        result = self.factor
        for _ in range(11):
            result = result @ self.factor
        return result

    @tf.function
    def __call__(self, rows, training=False):
        if training:
            self.calls.assign_add(1)
        return rows @ self.product()

    @tf.function(input_signature=[ROWS])
    def parts(self, rows):
        """Several outputs, of which one is ragged."""
        out = rows @ self.product()
        return {"out": out, "pair": (out[:, 0], tf.RaggedTensor.from_tensor(out[:, :2]))}

    @tf.function(input_signature=[])
    def count(self):
        """Changes a variable."""
        return self.calls.assign_add(1)

    @tf.function(input_signature=[ROWS])
    def counted(self, rows):
        """Reads the variable that another function changes."""
        return rows @ self.product() + tf.cast(self.calls, tf.float32)

    @tf.function(input_signature=[ROWS])
    def noisy(self, rows):
        """Is random."""
        return rows @ self.product() + tf.random.uniform([128])

    @tf.function(input_signature=[ROWS])
    def checked(self, rows):
        """Refuses some inputs."""
        tf.debugging.assert_non_negative(rows)
        return rows @ self.product()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("product"))
    model = Product()
    model(X, training=True)
    calls = [model.__call__.get_concrete_function(ROWS, training=training) for training in (False, True)]
    tf.saved_model.save(model, path, {"serving_default": calls[0]})
    return path


@pytest.fixture(scope="module")
def restored(path):
    return hub.load(path)


@pytest.fixture(scope="module")
def optimized(path):
    """The model with each function frozen that can be, on a machine of any speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, "choose_form", lambda forms: forms[1].name)
        return hub.load(path, optimize="inference")


@pytest.fixture(scope="module")
def found(optimized):
    """The report of each function, by the name before its arguments."""
    return {each.name.partition("(")[0]: each for each in hub.load_report(optimized).optimized}


def test_the_chosen_form_is_the_best_in_the_report(path):
    report = hub.load_report(hub.load(path, optimize="inference")).optimized
    compared = [each for each in report if each.forms]
    assert len(compared) == 4
    for each in compared:
        assert [form.name for form in each.forms][:2] == ["plain", "frozen"]
        assert each.chosen == choose_form(each.forms)
        assert each.speedup >= 1


def test_the_outputs_are_the_same_but_for_the_order_of_rounding(restored, optimized, found):
    assert {each.chosen for each in found.values() if each.forms} == {"frozen"}
    expected, result = restored.parts(X), optimized.parts(X)
    assert list(result) == list(expected)
    assert isinstance(result["pair"], tuple)
    assert isinstance(result["pair"][1], tf.RaggedTensor)
    for one, other in zip(tf.nest.flatten(expected, True), tf.nest.flatten(result, True)):
        np.testing.assert_allclose(other.numpy(), one.numpy(), rtol=1e-3, atol=1e-4)


def test_a_missing_key_of_signatures_is_an_error_that_lists_them(optimized):
    with pytest.raises(SignatureNotFound, match="has no signature 'nope'; it has: serving_default"):
        optimized.signatures["nope"]
    assert optimized.signatures.get("nope") is None


def test_functions_and_signatures_are_called_as_before(optimized):
    expected = optimized(X)
    for result in (
        optimized(rows=X),
        optimized(X, False),
        optimized(X.numpy(), training=False),
        optimized.signatures["serving_default"](rows=X)["output_0"],
        tf.function(lambda x: optimized(x) + 0.0)(X),
        next(iter(tf.data.Dataset.from_tensors(X).map(optimized))),
    ):
        np.testing.assert_array_equal(result.numpy(), expected.numpy())


def test_gradients_of_its_inputs_are_those_of_the_restored_object(restored, optimized):
    gradients = []
    for model in (restored, optimized):
        with tf.GradientTape() as tape:
            tape.watch(X)
            result = tf.reduce_sum(model(X))
        gradients.append(tape.gradient(result, X).numpy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-3, atol=1e-4)


def test_an_assertion_still_holds(optimized):
    with pytest.raises(tf.errors.InvalidArgumentError):
        optimized.checked(-X)


def test_functions_that_change_variables_or_read_changed_ones_or_are_random_stay_plain(optimized, found):
    assert "it changes variables (op AssignAddVariableOp)" in found["count"].reason
    assert "which count() may change" in found["counted"].reason
    assert "RandomUniform" in found["noisy"].reason
    before = optimized.counted(X)
    optimized.count()
    np.testing.assert_allclose(optimized.counted(X).numpy(), before.numpy() + 1, rtol=1e-4, atol=1e-4)


def test_training_is_refused(optimized):
    with pytest.raises(hub.errors.NotTrainable, match="optimize="):
        optimized(X, training=True)
    with pytest.raises(ValueError, match="they match none of its"):
        optimized(X, True)
    with pytest.raises(AttributeError, match="Its variables are constants.*load it without"):
        _ = optimized.trainable_variables


def test_a_keras_layer_of_it_is_not_trainable(optimized):
    layer = hub.KerasLayer(optimized)
    np.testing.assert_array_equal(np.asarray(layer(X)), optimized(X).numpy())
    with pytest.raises(hub.errors.NotTrainable, match="optimize="):
        hub.KerasLayer(optimized, trainable=True)(X)


def test_a_saved_optimized_model_is_loaded_by_plain_tensorflow(optimized, tmp_path):
    tf.saved_model.save(optimized, str(tmp_path), signatures=dict(optimized.signatures))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(loaded(X).numpy(), optimized(X).numpy())
    np.testing.assert_array_equal(loaded(rows=X, training=False).numpy(), optimized(X).numpy())
    outputs = loaded.signatures["serving_default"](rows=X)
    np.testing.assert_array_equal(outputs["output_0"].numpy(), optimized(X).numpy())
    again = hub.load(str(tmp_path))
    np.testing.assert_array_equal(again.parts(X)["out"].numpy(), loaded.parts(X)["out"].numpy())


def test_a_table_and_its_file_are_kept(tmp_path):
    path = saved_models.save_lookup(tmp_path / "lookup")
    expected = hub.load(path).find(tf.constant(["bird", "dog", "?"])).numpy()
    find = hub.load(path, optimize="inference").find  # The object is not kept.
    np.testing.assert_array_equal(find(tf.constant(["bird", "dog", "?"])).numpy(), expected)
    model = hub.load(path, optimize="inference")
    tf.saved_model.save(model, str(tmp_path / "saved"), signatures=dict(model.signatures))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_array_equal(loaded.find(tf.constant(["bird", "dog", "?"])).numpy(), expected)


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
def test_both_loaders_give_the_same_optimized_model(path, restored, loader):
    model = hub.load(path, optimize="inference", loader=loader)
    assert hub.load_report(model).loader == loader
    expected = restored(X).numpy()
    np.testing.assert_allclose(model(X).numpy(), expected, atol=0.05 * np.abs(expected).max())


def test_a_legacy_module_is_called_as_before():
    handle = str(saved_models.LEGACY / "text_embed")
    words = tf.constant(["the cat"])
    model = hub.load(handle, optimize="inference")
    np.testing.assert_allclose(model(words).numpy(), hub.load(handle)(words).numpy(), rtol=1e-5)
    assert {each.name for each in hub.load_report(model).optimized} == {"signatures['default']", "signatures['tokens']"}
    with pytest.raises(hub.errors.NotTrainable, match="optimize="):
        model(words, training=True)
    with pytest.raises(hub.errors.NotTrainable, match="optimize="):
        hub.KerasLayer(model, trainable=True)(words)


def test_a_tf1_saved_model_is_called_as_before(tmp_path):
    path = saved_models.save_v1(tmp_path / "v1")
    model = hub.load(path, optimize="inference")
    inputs = {"x": tf.constant([1.0]), "y": tf.constant([2.0])}
    for name, output in hub.load(path)(inputs, as_dict=True).items():
        np.testing.assert_allclose(model(inputs, as_dict=True)[name].numpy(), output.numpy())


def test_without_optimize_nothing_is_measured(restored):
    assert hub.load_report(restored).optimized == ()
