"""The error of a restored function without a trace for the arguments, from either loader."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import InputMismatch

FLOATS = tf.TensorSpec([None, 3], tf.float32)


class _Model(tf.Module):
    @tf.function
    def __call__(self, x, k=2):
        return x * float(k)

    @tf.function
    def two(self, x, y, training=False):
        return x + y if training else x - y

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def words(self, words):
        return tf.strings.length(words)


@pytest.fixture(scope="module", params=["auto", "tensorflow"])
def models(request, tmp_path_factory):
    """The same model, restored by TensorFlow and by rehub."""
    path = str(tmp_path_factory.mktemp("model"))
    model = _Model()
    model.__call__.get_concrete_function(FLOATS)
    model.__call__.get_concrete_function(FLOATS, k=3)
    model.two.get_concrete_function(FLOATS, FLOATS)
    model.words.get_concrete_function()
    tf.saved_model.save(model, path)
    return tf.compat.v2.saved_model.load(path), hub.load(path, loader=request.param), path


ZEROS = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "said"),
    [
        (
            "__call__",
            [np.zeros((2, 4), np.float32)],
            {},
            [r"float32\[2, 4\]", r"expected: float32\[\?, 3\], k="],
        ),
        ("__call__", [np.zeros(3, np.float32)], {}, [r"fix: add the batch dimension"]),
        ("__call__", [np.zeros((2, 3), np.int32)], {}, [r"int32\[2, 3\]", r"fix: .*tf.cast\(x, tf.float32\)"]),
        ("__call__", [np.zeros((2, 3))], {}, [r"float64\[2, 3\]", r"fix: .*tf.cast\(x, tf.float32\)"]),
        ("__call__", [{"x": ZEROS}], {}, ["fix: pass one tensor"]),
        ("__call__", [ZEROS], {"k": 4}, ["received: .*k=4", "fix: k=[23]"]),
        ("__call__", [ZEROS, "tokens"], {}, ["received: .*k='tokens'"]),
        ("two", [ZEROS, np.zeros((2, 4), np.float32)], {}, [r"received: .*y=float32\[2, 4\]", r"fix: y: the shape"]),
        ("two", [ZEROS, ZEROS], {"training": True}, ["fix: training=False"]),
        ("words", [np.array([["a"], ["b"]])], {}, [r"received: string\[2, 1\]", r"fix: drop the last dim.*squeeze"]),
        ("words", [[["a"], ["b"]]], {}, [r"fix: drop the last dim.*squeeze"]),
    ],
)
def test_a_call_that_no_trace_accepts_is_an_error_that_says_what_to_change(models, name, args, kwargs, said):
    of_tensorflow, of_rehub, path = models
    args = [tf.constant(value) if isinstance(value, np.ndarray) else value for value in args]
    with pytest.raises((TypeError, ValueError)) as theirs:
        getattr(of_tensorflow, name)(*args, **kwargs)
    with pytest.raises(InputMismatch) as ours:
        getattr(of_rehub, name)(*args, **kwargs)
    assert isinstance(ours.value, theirs.type)
    for part in [*said, "match none of"]:
        assert ours.match(part)
    assert path in str(ours.value)
    assert len(str(ours.value).splitlines()) < 7


def test_a_missing_argument_is_named(models):
    for model in models[:2]:
        with pytest.raises((TypeError, ValueError, AssertionError)):  # The last in 1.15.
            model.two(tf.constant(ZEROS))
    with pytest.raises(
        InputMismatch, match="received: float32" if tf.__version__.startswith("1.") else "argument: 'y'"
    ):
        models[1].two(tf.constant(ZEROS))


def test_a_failure_inside_a_tf_function_is_explained_too(models):
    with pytest.raises(InputMismatch, match="fix: add the batch dimension"):
        tf.function(lambda x: models[1](x) + 1.0)(tf.zeros([3]))


def test_a_call_that_fits_returns_what_tensorflow_returns(models):
    for arguments in ({}, {"k": 3}):
        np.testing.assert_array_equal(*(model(tf.constant(ZEROS + 1.0), **arguments) for model in models[:2]))


def test_a_signatures_name_is_not_taken_for_the_mode():
    module = hub.load(str(saved_models.LEGACY / "text_embed"))
    with pytest.raises(InputMismatch, match="signature='tokens'"):
        module(["a"], "tokens")
