from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="numpy is not installed")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from rehub.array_diff import ArrayDifference, compare_arrays  # noqa: E402

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("before", "after", "changed", "absolute", "relative"),
    [
        (np.float32([1, 2, 4]), np.float32([1, 2, 5]), 1, 1, 0.2),
        (np.float32([1, NAN, -INF]), np.float32([1, NAN, -INF]), 0, 0, 0),
        (np.float32([1, 2]), np.float32([NAN, 2]), 1, INF, INF),
        (np.float32([INF, 2]), np.float32([-INF, 1]), 2, INF, INF),
        (np.float32([0, 0]), np.float32([-0.0, 2]), 1, 2, 1),
        (np.float32([1]), np.float32([-1]), 1, 2, 2),
        (np.float32(1), np.float32(3), 1, 2, 2 / 3),
        (np.float16([60000]), np.float16([-60000]), 1, 120000, 2),
        (np.float32([0.5, 1.5]), np.float64([0.5, 1.25]), 1, 0.25, 1 / 6),
        (np.int8([-128, 3]), np.int8([127, 3]), 1, 255, 255 / 128),
        (np.uint8([0, 3]), np.uint8([1, 3]), 1, 1, 1),
        (np.int64([2**62]), np.int64([2**62 + 1]), 1, 1, 0),
        (np.int64([-(2**63)]), np.int64([2**63 - 1]), 1, 2.0**64, 2),
        (np.complex64([1 + 1j]), np.complex64([1 - 2j]), 1, 3, 3 / np.sqrt(5)),
        (np.array([True, False]), np.array([True, True]), 1, None, None),
        (np.array([b"a", b"b"], object), np.array([b"a", b"c"], object), 1, None, None),
        (np.array(b"a", object), np.array(b"a", object), 0, None, None),
        (np.zeros([0, 2], np.float32), np.zeros([0, 2], np.float32), 0, 0, 0),
    ],
)
def test_two_arrays_are_compared(before, after, changed, absolute, relative):
    found = compare_arrays(before, after)
    assert (found.elements, found.changed) == (before.size, changed)
    if absolute is None:
        assert (found.max_absolute, found.max_relative) == (None, None)
    else:
        np.testing.assert_allclose((found.max_absolute, found.max_relative), (absolute, relative), rtol=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (np.float32([1, -4]), np.float32([1, -5]), 0.25),
        (np.float32([0, 0]), np.float32([0, 1e-3]), INF),
        (np.float32([1, NAN]), np.float32([1, 2]), INF),
        (np.array([b"a"], object), np.array([b"b"], object), 1.0),
        (np.array([b"a"], object), np.array([b"a"], object), 0.0),
    ],
)
def test_a_difference_is_a_share_of_the_largest_number(before, after, expected):
    assert compare_arrays(before, after).relative_to_scale() == expected


def test_a_tiny_scale_can_be_bounded():
    difference = compare_arrays(np.float64([1e-9]), np.float64([2e-9]))
    assert difference.relative_to_scale(1e-3) == pytest.approx(1e-6)


@given(st.lists(st.floats(width=32), min_size=1, max_size=5), st.integers(0, 5))
def test_pieces_combine_to_the_whole(values, split):
    array = np.float32(values)
    other = array[::-1].copy()
    pieces = [compare_arrays(array[part], other[part]) for part in (slice(0, split), slice(split, None))]
    assert pieces[0].combine_with(pieces[1]) == compare_arrays(array, other)
    assert compare_arrays(array, array).changed == 0


def test_numbers_that_numpy_does_not_know_are_compared_by_value():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="it comes with TensorFlow")
    before = np.array([1, 2], ml_dtypes.bfloat16)
    assert compare_arrays(before, np.float32([1, 3])) == ArrayDifference(2, 1, 1.0, 1 / 3, 2.0)
