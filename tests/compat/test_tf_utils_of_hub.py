"""Files, and kinds of tensors."""

from __future__ import annotations

import os

import pytest
from saved_models import tf

from rehub.compat import submodules as tf_utils


def test_a_path_becomes_absolute_unless_it_has_a_scheme():
    assert tf_utils.absolute_path("model") == os.path.abspath("model")
    assert tf_utils.absolute_path("gs://bucket/model") == "gs://bucket/model"


def test_a_file_is_overwritten_only_on_request(tmp_path):
    path = str(tmp_path / "words.txt")
    tf_utils.atomic_write_string_to_file(path, "one", overwrite=False)
    with pytest.raises(tf.errors.AlreadyExistsError):
        tf_utils.atomic_write_string_to_file(path, "two", overwrite=False)
    assert tf_utils.read_file_to_string(path) == "one"
    tf_utils.atomic_write_string_to_file(path, "two", overwrite=True)
    assert tf_utils.read_file_to_string(path) == "two"
    assert os.listdir(tmp_path) == ["words.txt"]


def test_ragged_and_sparse_tensors_are_composite():
    with tf.Graph().as_default():
        ragged, sparse = tf.ragged.constant([[1], []]), tf.sparse.from_dense([[1, 0]])
        assert isinstance(tf_utils.get_composite_tensor_type_spec(ragged), tf.RaggedTensorSpec)
        assert isinstance(tf_utils.get_composite_tensor_type_spec(sparse), tf.SparseTensorSpec)
        assert [tf_utils.is_composite_tensor(value) for value in (ragged, sparse)] == [True, True]
        for other in (tf.constant(1), 1, tf.TensorSpec([], tf.int32)):
            assert tf_utils.get_composite_tensor_type_spec(other) is None


def test_supported_argument_types_are_those_of_modules():
    assert (tf.Tensor, tf.SparseTensor, tf.RaggedTensor) == tf_utils.SUPPORTED_ARGUMENT_TYPES
    assert not hasattr(tf_utils, "anything_else")
