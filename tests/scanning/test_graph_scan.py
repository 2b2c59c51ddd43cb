from __future__ import annotations

from pathlib import Path

import harmful_models
import pytest
import saved_models
import tensorflow as tf
from effort import scaled
from harmful_models import SECRET, dangers, edit, save, save_graph
from hypothesis import given, settings
from hypothesis import strategies as st

import rehub as hub
from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.scanning import scan_saved_model


@pytest.mark.parametrize(
    ("function", "op", "kind", "what"),
    [
        (harmful_models.reads, "ReadFile", "reads files", SECRET),
        (harmful_models.writes, "WriteFile", "writes files", "/tmp/harm"),
        (harmful_models.saves, "SaveV2", "writes files", "/tmp/harm"),
        (harmful_models.restores, "RestoreV2", "reads files", SECRET),
        (harmful_models.prints_into_a_file, "PrintV2", "writes files", "file:///tmp/harm"),
        (harmful_models.maps_memory, "ImmutableConst", "reads files", SECRET),
        (harmful_models.lists_files, "MatchingFiles", "reads files", "/etc/*"),
    ],
)
def test_an_op_that_does_harm_is_found_with_its_file_in_a_function_that_another_calls(
    tmp_path, function, op, kind, what
):
    inner = tf.function(function)
    (found,) = hub.scan(save(tmp_path / "model", inner)).dangers
    assert (found.op, found.kind, found.tags) == (op, kind, ("serve",))
    assert what in found.what
    assert function.__name__ in found.function
    assert found.node
    assert found.node in found.place()


def test_a_call_of_python_is_found(tmp_path):
    found = dangers(save(tmp_path / "model", harmful_models.runs_python))
    assert {kind for _, kind in found} == {"runs Python"}


@pytest.mark.parametrize("function", [harmful_models.reads, harmful_models.runs_python])
def test_an_op_in_a_function_of_a_dataset_is_found(tmp_path, function):
    def use(words):
        def read(word):
            return function(tf.reshape(word, [1]))

        mapped = tf.data.Dataset.from_tensor_slices(words).map(read)
        return tf.reshape(mapped.reduce("", lambda before, now: before + now[0]), [1])

    (kind,) = {kind for _, kind in dangers(save(tmp_path / "model", use))}
    assert kind == ("reads files" if function is harmful_models.reads else "runs Python")


def test_an_op_in_a_branch_of_a_loop_is_found(tmp_path):
    def use(words):
        return tf.while_loop(lambda i, _: i < 3, lambda i, word: (i + 1, harmful_models.reads(word)), [0, words])[1]

    assert dangers(save(tmp_path / "model", use)) == {("ReadFile", "reads files")}


def test_an_op_in_another_graph_variant_is_found(tmp_path):
    directory = save_graph(
        tmp_path / "model",
        lambda words, number: harmful_models.reads(words) if number else tf.identity(words),
        tag_sets=[("serve",), ("serve", "gpu")],
    )
    (found,) = hub.scan(directory).dangers
    assert (found.op, found.tags, found.function) == ("ReadFile", ("gpu", "serve"), "")


def test_an_op_in_an_initializer_is_found(tmp_path):
    directory = save_graph(
        tmp_path / "model", lambda words, _: tf.identity(words), lambda: tf.io.write_file(str(tmp_path / "harm"), "")
    )
    assert dangers(directory) == {("WriteFile", "writes files")}


def test_an_op_in_a_function_that_only_a_gradient_names_is_found(tmp_path):
    directory = save(tmp_path / "model", tf.identity)

    def hide(metagraph):
        library = metagraph.graph_def.library
        function = library.function.add()
        function.signature.name = "gradient"
        function.signature.input_arg.add(name="path", type=tf.string.as_datatype_enum)
        function.node_def.add(name="inner", op="ReadFile", input=["path"])
        library.gradient.add(function_name=library.function[0].signature.name, gradient_func="gradient")

    edit(directory, hide)
    (found,) = hub.scan(directory).dangers
    assert (found.op, found.function, found.node) == ("ReadFile", "gradient", "inner")


def test_a_debugging_op_is_found_if_it_names_a_file(tmp_path):
    def add(metagraph):
        metagraph.graph_def.node.add(name="quiet", op="DebugIdentity", input=["x"])
        writing = metagraph.graph_def.node.add(name="writing", op="DebugIdentity", input=["x"])
        writing.attr["debug_urls"].list.s.append(b"file:///tmp/harm")

    directory = save(tmp_path / "model", tf.identity)
    edit(directory, add)
    (found,) = hub.scan(directory).dangers
    assert (found.node, found.kind, found.what) == ("writing", "writes files", "'file:///tmp/harm'")


def test_a_dataset_from_a_graph_in_a_constant_is_found_and_what_is_in_the_graph(tmp_path):
    graph = harmful_models.graph_that_reads()

    def add(metagraph):
        constant = metagraph.graph_def.node.add(name="hidden", op="Const")
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(graph))
        metagraph.graph_def.node.add(name="made", op="DatasetFromGraph", input=["hidden"])

    directory = save(tmp_path / "model", tf.identity)
    edit(directory, add)
    made, within = hub.scan(directory).dangers
    assert (made.op, made.kind) == ("DatasetFromGraph", "hides a program")
    assert (within.op, within.node, within.within) == ("ReadFile", "within", ("hidden",))


def test_a_graph_in_an_attribute_is_read(tmp_path):
    def add(metagraph):
        engine = metagraph.graph_def.node.add(name="engine", op="TRTEngineOp")
        engine.attr["serialized_segment"].s = harmful_models.graph_that_reads()

    directory = save(tmp_path / "model", tf.identity)
    edit(directory, add)
    assert dangers(directory) == {("TRTEngineOp", "hides a program"), ("ReadFile", "reads files")}


def test_unknown_op_is_found(tmp_path):
    directory = saved_models.save_replacing(tmp_path / "model")
    saved_models.rename_op(directory, "UnheardOfOps")
    assert {kind for _, kind in dangers(directory)} == {"unknown op"}


def test_an_op_of_a_known_package_is_noted(tmp_path):
    directory = saved_models.save_replacing(tmp_path / "model")
    saved_models.rename_op(directory, "TFText>Mixed")
    report = hub.scan(directory)
    assert report.is_clean
    assert {finding.kind for finding in report.findings} == {"custom op"}
    assert "tensorflow-text" in report.findings[0].reason


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    directory = saved_models.save_lookup(tmp_path_factory.mktemp("models") / "model")
    return (Path(directory) / "saved_model.pb").read_bytes()


@settings(max_examples=scaled(60), deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_scanned_or_called_corrupt(content, data):
    garbled = bytearray(content[: data.draw(st.integers(0, len(content)), "length")])
    for _ in range(data.draw(st.integers(0, 8), "changes")):
        if garbled:
            garbled[data.draw(st.integers(0, len(garbled) - 1))] = data.draw(st.integers(0, 255))
    try:
        scan_saved_model("saved_model.pb", bytes(garbled))
    except CorruptModel:
        pass


def test_functions_that_call_each_other_in_circles_are_followed_to_an_end():
    model = tf_internals.protos.new_saved_model()
    library = model.meta_graphs.add().graph_def.library
    for number in range(60):
        function = library.function.add()
        function.signature.name = f"f{number}"
        function.signature.input_arg.add(name="path", type=tf.string.as_datatype_enum)
        function.node_def.add(name="restore", op="RestoreV2", input=["path"])
        for other in range(60):
            call = function.node_def.add(name=f"call{other}", op="StatefulPartitionedCall", input=["path"])
            call.attr["f"].func.name = f"f{other}"
    found = scan_saved_model("saved_model.pb", model.SerializeToString()).findings
    assert len(found) == 60


def test_graphs_within_graphs_are_read_to_a_bounded_depth():
    content = harmful_models.graph_that_reads()
    for _ in range(40):
        graph = tf.compat.v1.GraphDef()
        constant = graph.node.add(name="hidden", op="Const")
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(content))
        graph.node.add(name="made", op="DatasetFromGraph", input=["hidden"])
        content = graph.SerializeToString()
    model = tf_internals.protos.new_saved_model()
    model.meta_graphs.add().graph_def.ParseFromString(content)
    found = scan_saved_model("saved_model.pb", model.SerializeToString()).findings
    assert {finding.op for finding in found} == {"DatasetFromGraph"}
    assert 1 < len(found) < 10
