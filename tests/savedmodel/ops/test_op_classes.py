from __future__ import annotations

import pytest

from rehub import tf_internals
from rehub.savedmodel.ops import PROVIDERS, harmless_ops, provider_of
from rehub.savedmodel.ops.op_classes import calls_functions, class_of, is_tensorflow_op


def registered_ops():
    """The definitions of the ops that this TensorFlow registers by itself."""
    return [op for op in tf_internals.ops.op_definitions() if provider_of(op.name) is None]


@pytest.mark.tensorflow
def test_every_op_of_this_tensorflow_is_classed():
    ops = registered_ops()
    assert len(ops) > 1300
    assert [op.name for op in ops if not is_tensorflow_op(op.name)] == []


@pytest.mark.tensorflow
def test_every_op_of_this_tensorflow_that_takes_functions_is_known_to():
    taking = [op.name for op in registered_ops() if any(each.type in ("func", "list(func)") for each in op.attr)]
    assert len(taking) > 40
    assert [name for name in taking if not calls_functions(name)] == []


def test_no_op_has_two_classes():
    listed = [harmless_ops.COMPUTES, harmless_ops.KEEPS_STATE, harmless_ops.USES_DEVICES]
    names = [name for ops in listed for name in ops.split()]
    assert len(names) == len(set(names))
    assert [name for name in names if class_of(name).severity] == []


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
