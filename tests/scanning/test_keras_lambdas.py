from __future__ import annotations

import json

import pytest
import saved_models
import tensorflow as tf
from wire_messages import field

import rehub as hub
from rehub.errors import CorruptModel
from rehub.scanning.keras_lambdas import find_lambdas_in_metadata

CODE = {"name": "shout", "function": ["4wEAAAAAAAAA", None, None], "function_type": "lambda"}
BY_NAME = {"name": "named", "function": "relu", "function_type": "function"}


def metadata(*layers, identifier="_tf_keras_layer"):
    """The bytes of a `keras_metadata.pb` with these layers."""
    texts = [layer if isinstance(layer, str) else json.dumps(layer) for layer in layers]
    return b"".join(field(1, field(4, identifier.encode()) + field(5, text.encode())) for text in texts)


def layer(config, class_name="Lambda"):
    return {"class_name": class_name, "config": config}


def test_code_in_a_layer_is_found_and_a_function_that_is_named_is_not():
    content = metadata(layer(CODE), layer(BY_NAME), layer({"name": "dense"}, "Dense"))
    assert find_lambdas_in_metadata("keras_metadata.pb", content) == ["shout"]


def test_code_in_a_layer_of_a_model_in_a_model_is_found():
    inner = layer({"layers": [layer(CODE)]}, "Sequential")
    content = metadata(layer({"layers": [inner]}, "Functional"))
    assert find_lambdas_in_metadata("keras_metadata.pb", content) == ["shout"]


def test_letters_that_are_written_as_escapes_hide_nothing():
    text = json.dumps(layer(CODE)).replace("Lambda", "\\u004cambda")
    assert find_lambdas_in_metadata("keras_metadata.pb", metadata(text)) == ["shout"]


@pytest.mark.parametrize("identifier", ["", "harmless"])
def test_an_identifier_that_keras_does_not_ask_for_hides_no_code(identifier):
    content = metadata(layer(CODE), identifier=identifier)
    assert find_lambdas_in_metadata("keras_metadata.pb", content) == ["shout"]


@pytest.mark.parametrize(
    ("class_name", "config", "is_found"),
    [
        ("TFOpLambda", {"function": "math.add"}, False),
        ("TFOpLambda", {"function": "compat.v1.transpose"}, False),
        ("TFOpLambda", {"function": "io.decode_png"}, False),
        ("TFOpLambda", {"function": "raw_ops.MatMul"}, False),
        ("SlicingOpLambda", {"function": "__operators__.getitem"}, False),
        ("ClassMethod", {"cls_symbol": "RaggedTensor"}, False),
        ("TensorFlowOpLayer", {"node_def": {"op": "Relu"}}, False),
        ("TFOpLambda", {"function": "io.write_file"}, True),
        ("TFOpLambda", {"function": "compat.v1.read_file"}, True),
        ("TFOpLambda", {"function": "load_op_library"}, True),
        ("TFOpLambda", {"function": "raw_ops.PrintV2"}, True),
        ("keras.layers>TFOpLambda", {"function": "saved_model.load"}, True),
        ("ClassMethod", {"cls_symbol": "io.gfile.GFile"}, True),
        ("TensorFlowOpLayer", {"node_def": {"op": "WriteFile"}}, True),
        ("TensorFlowOpLayer", {"node_def": "bytes"}, True),
    ],
)
def test_a_layer_that_calls_tensorflow_by_name_is_found_if_it_does_more_than_compute(class_name, config, is_found):
    content = metadata(layer({"layers": [layer({"name": "e", **config}, class_name)]}, "Functional"))
    assert find_lambdas_in_metadata("keras_metadata.pb", content) == ["e"] * is_found


@pytest.mark.parametrize("text", ['{"Lambda": ', '["Lambda", ' + "[" * 15_000])
def test_metadata_that_is_not_json_is_corrupt(text):
    content = metadata(text)
    with pytest.raises(CorruptModel, match=r"keras_metadata\.pb"):
        find_lambdas_in_metadata("keras_metadata.pb", content)


def test_a_scan_tells_of_it_and_hub_load_does_not_mind(tmp_path):
    directory = saved_models.save_shift(tmp_path / "model")
    (tmp_path / "model" / "keras_metadata.pb").write_bytes(metadata(layer(CODE)))
    (found,) = hub.scan(directory).dangers
    assert (found.kind, found.node) == ("Python code", "keras_metadata.pb")
    assert "'shout'" in found.what
    hub.load(directory, trusted=False)


@pytest.mark.skipif(not tf.__version__.startswith("2.15"), reason="Keras 2 writes keras_metadata.pb")
def test_what_keras_writes_is_found(tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Lambda(lambda x: x * 2, input_shape=[3], name="twice")])
    model.save(str(tmp_path / "model"), save_format="tf")
    assert {finding.what for finding in hub.scan(tmp_path / "model").dangers} == {"the Lambda layer 'twice'"}


def test_a_library_in_a_models_directory_is_noted(tmp_path):
    directory = saved_models.save_shift(tmp_path / "model")
    extra = tmp_path / "model" / "assets.extra"
    extra.mkdir()
    (extra / "libharm.so").write_bytes(b"\x7fELF")
    (found,) = hub.scan(directory).findings
    assert (found.kind, found.severity, found.node) == ("native library", "note", "assets.extra/libharm.so")
