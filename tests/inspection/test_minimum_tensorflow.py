"""The oldest TensorFlow that loads a model, of graphs that are written here byte by byte."""

from __future__ import annotations

import struct

import pytest
from wire_messages import field, varint

from rehub.inspection.minimum_tensorflow import find_minimum_tensorflow
from rehub.inspection.missing_packages import find_missing_packages


def saved_model(op, attributes):
    """A SavedModel with one node; its attributes are AttrValues, serialized."""
    entries = [field(5, field(1, name.encode()) + field(2, value)) for name, value in attributes.items()]
    node = field(1, b"n") + field(2, op.encode()) + b"".join(entries)
    return field(2, field(2, field(1, node)))


def describe(op, **attributes):
    return str(find_minimum_tensorflow(saved_model(op, attributes), [op], find_missing_packages([op])))


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("MatMul", "TensorFlow >= 1.15"),
        ("BesselI0", "TensorFlow >= 2.3, for BesselI0"),
        ("DisableCopyOnRead", "TensorFlow >= 1.15"),
        ("CaseFoldUTF8", "TensorFlow >= 1.15"),
        ("Unheard", "no TensorFlow: neither TensorFlow nor a known package has Unheard"),
        ("PyFunc", "TensorFlow >= 1.15; PyFunc calls Python functions that only the writer's program has"),
    ],
)
def test_an_op_asks_for_a_version(op, expected):
    assert describe(op) == expected


def test_an_op_of_contrib_is_for_1_15_only():
    assert describe("BigtableClient").startswith("TensorFlow 1.15 only, for ")


def test_an_attribute_asks_for_a_version_unless_it_has_its_default():
    def factor(value):
        return varint(4 << 3 | 5) + struct.pack("<f", value)

    assert describe("FusedBatchNormV3", exponential_avg_factor=factor(1.0)) == "TensorFlow >= 1.15"
    expected = "TensorFlow >= 2.6, for TridiagonalSolve.perturb_singular"
    assert describe("TridiagonalSolve", perturb_singular=field(5, 1)) == expected
    assert describe("FusedBatchNormV3", exponential_avg_factor=factor(0.5)) == "TensorFlow >= 1.15"
    assert describe("VarHandleOp", debug_name=field(2, b"name")) == "TensorFlow >= 1.15"


def test_what_a_rule_cannot_rewrite_asks_for_a_version():
    def indices(key, value):
        return {"offset": field(3, 1), "key_index": field(3, key), "value_index": field(3, value)}

    op, line, number = "InitializeTableFromTextFileV2", (1 << 64) - 2, (1 << 64) - 1
    assert describe(op, **indices(line, number)) == "TensorFlow >= 1.15"
    assert describe(op, **indices(line, 1)) == "TensorFlow >= 2.5, for InitializeTableFromTextFileV2.offset"
    ragged = field(1, field(6, 1))
    assert describe("ParseSequenceExampleV2", context_ragged_value_types=ragged).startswith("TensorFlow >= 2.")
    assert describe("ParseSequenceExampleV2", context_ragged_value_types=field(1, b"")) == "TensorFlow >= 1.15"


@pytest.mark.parametrize(("separator", "expected"), [(b"_X_", "1.15"), (b", ", "2.3, for SparseCrossV2")])
def test_a_cross_asks_for_a_version_by_its_separator(separator, expected):
    value = field(5, field(1, b"value") + field(2, field(8, field(8, separator))))
    constant = field(1, b"separator") + field(2, b"Const") + value
    cross = field(1, b"cross") + field(2, b"SparseCrossV2") + field(3, b"x") + field(3, b"separator")
    content = field(2, field(2, field(1, constant) + field(1, cross)))
    assert str(find_minimum_tensorflow(content, ["SparseCrossV2"], ())) == f"TensorFlow >= {expected}"
