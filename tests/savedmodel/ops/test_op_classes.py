from __future__ import annotations

import pytest

from rehub import tf_internals
from rehub.savedmodel.ops import PROVIDERS, find_provider
from rehub.savedmodel.ops.op_classes import UNKNOWN, calls_functions, classify_op, is_tensorflow_op
from rehub.savedmodel.ops.op_tables import CALLS_FUNCTIONS, TENSORFLOW_OPS, read_op_table


def registered_ops():
    """The definitions of the ops that this TensorFlow registers by itself."""
    return [op for op in tf_internals.ops.op_definitions() if find_provider(op.name) is None]


@pytest.mark.tensorflow
def test_every_op_of_this_tensorflow_is_classed():
    ops = registered_ops()
    assert len(ops) > 1300
    assert [op.name for op in ops if classify_op(op.name) is UNKNOWN] == []


@pytest.mark.tensorflow
def test_every_op_of_this_tensorflow_that_takes_functions_is_known_to():
    taking = [op.name for op in registered_ops() if any(each.type in ("func", "list(func)") for each in op.attr)]
    assert len(taking) > 40
    assert [name for name in taking if not calls_functions(name)] == []


def test_each_op_has_one_class_that_exists():
    table = read_op_table(TENSORFLOW_OPS)
    calling = table.pop(CALLS_FUNCTIONS)
    names = [name for ops in table.values() for name in ops]
    assert len(names) == len(set(names)) > 1500
    assert {heading: {classify_op(name).name for name in ops} for heading, ops in table.items()} == {
        heading: {heading} for heading in table
    }
    assert set(calling) <= set(names)


def test_no_op_of_a_package_is_called_tensorflows():
    assert [op for provider in PROVIDERS for op in provider.ops if is_tensorflow_op(op)] == []


def test_every_class_says_why_it_matters():
    for op in ("ReadFile", "WriteFile", "PyFunc", "Rpc", "DatasetFromGraph", "Abort", "Print", "Send", "XlaCallModule"):
        op_class = classify_op(op)
        assert op_class.severity in ("danger", "note")
        assert op_class.reason.endswith(".")


def test_packages_that_read_files_by_design_are_a_danger():
    assert classify_op("IO>KafkaReadableNext").severity == "danger"
    assert classify_op("CaseFoldUTF8").severity == "note"
    assert "tensorflow-text" in classify_op("CaseFoldUTF8").reason


def test_what_models_compute_with_is_harmless():
    harmless = ("MatMul", "While", "VarHandleOp", "LookupTableFindV2", "TPUExecute")
    assert {classify_op(op).severity for op in harmless} == {""}


def test_ops_of_packages_that_read_files_are_dangers():
    for op in (
        "SimpleMLLoadModelFromPathWithHandle",
        "SimpleMLModelTrainer",
        "Y4MDataset",
        "IO>FileRead",
        "DecodeVideo",
    ):
        assert classify_op(op).severity == "danger", op
    for op in ("SimpleMLInferenceOpWithHandle", "SimpleMLCreateModelResource", "TFText>Mixed", "StochasticRound"):
        assert classify_op(op).severity == "note", op
