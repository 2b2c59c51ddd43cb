from __future__ import annotations

import json

import numpy as np
import pytest

from rehub.cli.tensors import fit_value
from rehub.cli.tensors.reading import Cells
from rehub.errors import InputMismatch
from rehub.inspection.model_info import TensorInfo


def takes(dtype, *shape, kind="dense"):
    return TensorInfo("x", dtype, shape, kind)


def of_rank_unknown(dtype):
    return TensorInfo("x", dtype, None)


@pytest.mark.parametrize(
    ("given", "expected", "fitted"),
    [
        ([[1, 2.5]], takes("float32", None, 2), np.float32([[1, 2.5]])),
        (3, takes("int64"), np.int64(3)),
        ([True, False], takes("bool", 2), np.array([True, False])),
        ([[1], [2]], of_rank_unknown("int32"), np.int32([[1], [2]])),
        ([], takes("float32", None), np.float32([])),
        ([18446744073709551615], takes("uint64", 1), np.uint64([2**64 - 1])),
        ([0.5], takes("bfloat16", 1), np.float32([0.5])),
        (np.float64([0.1]), takes("float32", None), np.float32([0.1])),
        (np.int64([5]), takes("int8", None), np.int8([5])),
        (np.float64([np.nan, np.inf]), takes("float32", 2), np.float32([np.nan, np.inf])),
        (Cells((("1", "2"), ("3", "4"))), takes("int64", None, 2), np.int64([[1, 2], [3, 4]])),
        (Cells((("1.5",), ("2",))), takes("float32", None), np.float32([1.5, 2])),
    ],
)
def test_numbers_get_the_type_that_the_signature_takes(given, expected, fitted):
    result = fit_value(given, expected)
    assert (result.dtype, result.shape) == (fitted.dtype, fitted.shape)
    np.testing.assert_array_equal(result, fitted)


@pytest.mark.parametrize(
    ("given", "shape", "fitted"),
    [
        (["caf\u00e9", ""], (None,), ["caf\u00e9".encode(), b""]),
        ("a", (), b"a"),
        ([{"b64": "AP8="}], (1,), [b"\x00\xff"]),
        (np.array([["a"], ["bc"]]), (None, 1), [[b"a"], [b"bc"]]),
        (np.array([b"a", b"bc"]), (None,), [b"a", b"bc"]),
        (Cells((("a",), ("b",))), (None,), [b"a", b"b"]),
        (Cells((("a", "b"),)), (None, 2), [[b"a", b"b"]]),
    ],
)
def test_strings_become_bytes(given, shape, fitted):
    assert fit_value(given, takes("string", *shape)).tolist() == fitted


@pytest.mark.parametrize(
    ("given", "expected", "reason"),
    [
        ([1.5], takes("int32", None), r"takes int32\. Received: float64\[1\]"),
        ([1], takes("bool", None), r"takes bool\. Received: int64\[1\]"),
        ([300], takes("uint8", None), "300 does not fit"),
        ([-1], takes("uint8", None), "-1 does not fit"),
        ([1e300], takes("float32", None), "1e.300 does not fit"),
        ([2**70], takes("int64", None), "more than 64 bits"),
        (["a"], takes("float32", None), "takes float32. Received: 'a'"),
        ([None], takes("float32", None), "Received: None"),
        ([1], takes("string", None), "takes strings. Received: 1"),
        ([{"b64": "?"}], takes("string", None), "is not base64"),
        (["\ud800"], takes("string", None), "is not text: surrogates not allowed"),
        (json.loads("[" * 40 + "1" + "]" * 40), of_rank_unknown("float32"), "nested deeper than 32"),
        (json.loads("[" * 400 + "1" + "]" * 400), takes("int64", None, kind="ragged"), "nested deeper than 32"),
        (Cells((("1",),)), takes("int64", None, None, kind="ragged"), "takes ragged int64.*write it as JSON"),
        (np.zeros(2), takes("string", None), r"takes strings\. Received: float64\[2\]"),
        (np.array(["a"]), takes("float32", None), r"takes float32"),
        ([[1, 2], [3]], takes("float32", None, None), "different lengths"),
        ([1, [2]], takes("float32", None, None), "different lengths"),
        ([1, 2], takes("float32", 3), r"takes float32\[3\]\. Received: float32\[2\]\.$"),
        ([1, 2], takes("float32", None, 2), r"takes float32\[\?, 2\].*put it into a list"),
        (Cells((("a",),)), takes("float32", None), "Remove a header row"),
        (Cells((("1.5",),)), takes("int64", None), "not an integer"),
        ([1], takes("variant"), "A variant\\[\\] cannot be given here"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_with_the_reason(given, expected, reason):
    with pytest.raises(InputMismatch, match=reason):
        fit_value(given, expected)


def test_a_ragged_input_takes_lists_of_any_length():
    assert fit_value([["a"], []], takes("string", None, None, kind="ragged")) == [[b"a"], []]
