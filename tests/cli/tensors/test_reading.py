from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rehub.cli.tensors import Image, read_input
from rehub.errors import InputMismatch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_json_is_read(value):
    assert read_input(json.dumps(value)) == value


@settings(deadline=None)
@given(st.text(max_size=20).filter(lambda text: not text.startswith("@")))
def test_any_text_is_json_or_refused(text):
    try:
        read_input(text)
    except InputMismatch as error:
        assert "is not JSON" in str(error)  # noqa: PT017


def test_a_python_expression_is_not_evaluated():
    with pytest.raises(InputMismatch, match=r"is not JSON.*Strings are written"):
        read_input("__import__('os').getcwd()")


def test_deeply_nested_json_is_refused():
    with pytest.raises(InputMismatch, match="nested too deeply"):
        read_input("[" * 100_000 + "]" * 100_000)


def test_arrays_are_read(tmp_path):
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    np.save(str(tmp_path / "x.npy"), array)
    np.savez(str(tmp_path / "one.npz"), only=array)
    np.savez(str(tmp_path / "two.npz"), **{"a": array, "b/c": array + 1})
    np.testing.assert_array_equal(read_input(f"@{tmp_path}/x.npy"), array)
    np.testing.assert_array_equal(read_input(f"@{tmp_path}/one.npz"), array)
    np.testing.assert_array_equal(read_input(f"@{tmp_path}/two.npz:b/c"), array + 1)


@pytest.mark.parametrize("member", ["", ":c"])
def test_a_file_with_several_arrays_needs_the_name_of_one(tmp_path, member):
    np.savez(str(tmp_path / "two.npz"), a=np.zeros(1), b=np.zeros(1))
    with pytest.raises(InputMismatch, match=r"choose one with '@.*two\.npz:NAME'\. It has: a, b\."):
        read_input(f"@{tmp_path}/two.npz{member}")


def test_a_pickle_is_not_loaded(tmp_path):
    np.save(str(tmp_path / "x.npy"), np.array([{}], object))
    with pytest.raises(InputMismatch, match=r"Strings are stored as str or bytes"):
        read_input(f"@{tmp_path}/x.npy")


def test_a_file_without_an_array_is_refused(tmp_path):
    for content in (b"", b"hello", b"\x93NUMPY\x01\0", b"PK\x03\x04"):
        (tmp_path / "x.npy").write_bytes(content)
        with pytest.raises(InputMismatch, match=r"x\.npy"):
            read_input(f"@{tmp_path}/x.npy")


def test_json_and_pictures_are_read_from_files(tmp_path):
    (tmp_path / "x.json").write_text('[["caf\u00e9"]]', encoding="utf-8")
    (tmp_path / "x.PNG").write_bytes(b"picture")
    assert read_input(f"@{tmp_path}/x.json") == [["caf\u00e9"]]
    assert read_input(f"@{tmp_path}/x.PNG") == Image(f"{tmp_path}/x.PNG", b"picture")


def test_rows_of_csv_must_have_the_same_length(tmp_path):
    (tmp_path / "x.csv").write_text('1,"a, b"\n2,c\n')
    assert read_input(f"@{tmp_path}/x.csv").rows == (("1", "a, b"), ("2", "c"))
    (tmp_path / "x.csv").write_text("1,2\n3\n")
    with pytest.raises(InputMismatch, match="1 columns in row 2, but 2 in row 1"):
        read_input(f"@{tmp_path}/x.csv")


@pytest.mark.parametrize(
    ("name", "reason"), [("none.npy", "No such file"), ("none.csv", "No such file"), ("x.wav", "unknown ending")]
)
def test_an_unreadable_file_is_an_error_with_the_reason(tmp_path, name, reason):
    with pytest.raises(InputMismatch, match=reason):
        read_input(f"@{tmp_path}/{name}")
