from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st

from rehub.array_diff import ArrayDifference, compare_arrays
from rehub.inspection.diff.value_differences import compare_values
from rehub.savedmodel.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    """Compares two arrays by way of checkpoints."""
    directory = tmp_path_factory.mktemp("compared")

    def written(value, name):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            prefix = str(directory / name)
            tensors = [tf.constant(value)]
            session.run(tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["w"], shape_and_slices=[""], tensors=tensors))
        return read_checkpoint(prefix)

    return lambda before, after: compare_values(written(before, "before"), "w", written(after, "after"), "w")


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (np.float32([1, 2, 4]), np.float32([1, 2, 5]), 1),
        (np.float32([0.5, 1.5]), np.float64([0.5, 1.25]), 1),
        (np.array([True, False]), np.array([True, True]), 1),
        (np.array([b"a", b"b"], object), np.array([b"a", b"c"], object), 1),
        (np.zeros([0, 2], np.float32), np.zeros([0, 2], np.float32), 0),
    ],
)
def test_two_values_are_compared(compare, before, after, changed):
    assert compare(before, after) == compare_arrays(before, after)
    assert compare(before, after).changed == changed


def test_a_large_tensor_is_compared_in_pieces(compare):
    before = np.arange(3_000_000, dtype=np.float32).reshape(1000, 3000)
    after = before.copy()
    after[0, 0], after[999, 2999] = 7, 0
    assert compare(before, after) == ArrayDifference(3_000_000, 2, 2_999_999.0, 1.0, 2_999_999.0)


@settings(deadline=None, max_examples=scaled(15))
@given(st.lists(st.floats(width=32), min_size=1, max_size=5))
def test_every_tensor_equals_itself(compare, values):
    array = np.float32(values)
    assert compare(array, array).changed == 0
