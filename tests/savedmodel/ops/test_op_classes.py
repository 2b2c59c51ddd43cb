from __future__ import annotations

import pytest

from rehub import tf_internals
from rehub.savedmodel.ops import PROVIDERS, provider_of
from rehub.savedmodel.ops.op_classes import UNKNOWN, calls_functions, class_of, is_tensorflow_op
from rehub.savedmodel.ops.op_tables import CALLS_FUNCTIONS, TENSORFLOW_OPS, read_op_table


def registered_ops():
    """The definitions of the ops that this TensorFlow registers by itself."""
    return [op for op in tf_internals.ops.op_definitions() if provider_of(op.name) is None]


@pytest.mark.tensorflow
def test_every_op_of_this_tensorflow_is_classed():
    ops = registered_ops()
    assert len(ops) > 1300
    assert [op.name for op in ops if class_of(op.name) is UNKNOWN] == []


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
    assert [(name, heading) for heading, ops in table.items() for name in ops if class_of(name).name != heading] == []
    assert set(calling) <= set(names)


def test_no_op_of_a_package_is_called_tensorflows():
    assert [op for provider in PROVIDERS for op in provider.ops if is_tensorflow_op(op)] == []


def test_every_class_says_why_it_matters():
    for op in ("ReadFile", "WriteFile", "PyFunc", "Rpc", "DatasetFromGraph", "Abort", "Print", "Send", "XlaCallModule"):
        op_class = class_of(op)
        assert op_class.severity in ("danger", "note")
        assert op_class.reason.endswith(".")


def test_packages_that_read_files_by_design_are_a_danger():
    assert class_of("IO>KafkaReadableNext").severity == "danger"
    assert class_of("CaseFoldUTF8").severity == "note"
    assert "tensorflow-text" in class_of("CaseFoldUTF8").reason


def test_what_models_compute_with_is_harmless():
    harmless = ("MatMul", "While", "VarHandleOp", "LookupTableFindV2", "TPUExecute")
    assert {class_of(op).severity for op in harmless} == {""}


def test_ops_of_packages_that_read_files_are_dangers():
    for op in (
        "SimpleMLLoadModelFromPathWithHandle",
        "SimpleMLModelTrainer",
        "Y4MDataset",
        "IO>FileRead",
        "DecodeVideo",
    ):
        assert class_of(op).severity == "danger", op
    for op in ("SimpleMLInferenceOpWithHandle", "SimpleMLCreateModelResource", "TFText>Mixed", "StochasticRound"):
        assert class_of(op).severity == "note", op
