"""Everything that no writer of models writes is a danger: each of these was made of a model that a scan calls clean."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import saved_models
from wire_messages import field

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.scanning import scan_saved_model

STRING, RESOURCE = 7, 20
needs_tf2 = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 keeps no paths in variables")


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The bytes of a model of TF2 and of one of TF1, each with variables and a table of an asset."""
    directory = tmp_path_factory.mktemp("models")
    models = saved_models.save_lookup(directory / "tf2"), saved_models.save_v1(directory / "tf1")
    return {name: (Path(model) / "saved_model.pb").read_bytes() for name, model in zip(("tf2", "tf1"), models)}


def kinds(content):
    return {found.kind for found in scan_saved_model("m", content).findings if found.severity == "danger"}


def edited(content, change):
    model = tf_internals.protos.new_saved_model()
    model.ParseFromString(content)
    change(model.meta_graphs[0])
    return model.SerializeToString()


def node(metagraph, op):
    return next(each for each in metagraph.graph_def.node if each.op == op)


def function(metagraph, name):
    return next(each for each in metagraph.graph_def.library.function if name in each.signature.name)


def call_of(metagraph, name):
    return next(each for each in metagraph.graph_def.node if name in each.attr["f"].func.name)


def in_function(metagraph, name, op):
    return next(each for each in function(metagraph, name).node_def if each.op == op)


def asset_is_another_output(metagraph):
    metagraph.asset_file_def[0].tensor_info.name = "asset_path_initializer:1"


def path_is_in_a_variable_without_a_name(metagraph):
    node(metagraph, "VarHandleOp").attr["shared_name"].s = b""


def path_is_in_a_variable_of_a_container(metagraph):
    node(metagraph, "VarHandleOp").attr["container"].s = b"other"


def variables_are_made_by_another_op(metagraph):
    metagraph.graph_def.node.add(name="handles", op="_VarHandlesOp").attr["shared_names"].list.s.append(b"Variable")


def constant_is_a_handle(metagraph):
    added = metagraph.graph_def.node.add(name="handle", op="Const")
    added.attr["dtype"].type = RESOURCE
    added.attr["value"].tensor.dtype = RESOURCE
    added.attr["value"].tensor.resource_handle_val.add(name="Variable")


def text_is_parsed_as_a_handle(metagraph):
    metagraph.graph_def.node.add(name="parsed", op="ParseTensor").attr["out_type"].type = RESOURCE


def two_nodes_have_one_name(metagraph):
    metagraph.graph_def.node.add(name="Variable", op="NoOp")


def node_has_a_name_like_a_tensor(metagraph):
    metagraph.graph_def.node.add(name="Variable:0", op="NoOp")


def node_has_the_name_of_an_argument(metagraph):
    saving = function(metagraph, "traced_save")
    saving.node_def.add(name=saving.signature.input_arg[0].name, op="NoOp")


def function_is_called_by_what_is_called(metagraph):
    inner = call_of(metagraph, "traced_save").attr["f"].func.attr["inner"].func
    inner.name = function(metagraph, "traced_save").signature.name


def function_is_called_by_another_attribute(metagraph):
    named = call_of(metagraph, "traced_save").attr["_other"].func
    named.name = function(metagraph, "traced_save").signature.name


def function_has_a_backward_function(metagraph):
    function(metagraph, "traced_save").attr["backward_function_name"].s = b"other"


def function_captures_more_than_it_takes(metagraph):
    initializer = function(metagraph, "_initializer").signature.name
    bound = metagraph.object_graph_def.concrete_functions[initializer].bound_inputs
    bound.extend(list(bound) * 3)


def separator_comes_from_the_caller(metagraph):
    in_function(metagraph, "traced_save", "StringJoin").attr["separator"].placeholder = "separator"


def suffix_is_in_two_forms(metagraph):
    for each in function(metagraph, "traced_save").node_def:
        tensor = each.attr["value"].tensor if each.op == "Const" else None
        if tensor is not None and list(tensor.string_val) == [b".part"]:
            tensor.tensor_content = b"\x05/../x"


def suffix_is_of_no_writer(metagraph):
    for each in function(metagraph, "traced_save").node_def:
        tensor = each.attr["value"].tensor if each.op == "Const" else None
        if tensor is not None and list(tensor.string_val) == [b".part"]:
            tensor.string_val[0] = b"/other"


def path_is_an_input_of_a_signature(metagraph):
    given = metagraph.signature_def["serving_default"].inputs["path"]
    given.name = "saver_filename:0"
    given.dtype = STRING


def saver_names_another_tensor(metagraph):
    metagraph.saver_def.filename_tensor_name = node(metagraph, "Placeholder").name + ":0"


def saver_writes_while_it_restores(metagraph):
    call_of(metagraph, "traced_restore").input.append("^" + call_of(metagraph, "traced_save").name)


@needs_tf2
@pytest.mark.parametrize(
    "change",
    [
        asset_is_another_output,
        path_is_in_a_variable_without_a_name,
        path_is_in_a_variable_of_a_container,
        variables_are_made_by_another_op,
        constant_is_a_handle,
        text_is_parsed_as_a_handle,
        two_nodes_have_one_name,
        node_has_a_name_like_a_tensor,
        node_has_the_name_of_an_argument,
        function_is_called_by_what_is_called,
        function_is_called_by_another_attribute,
        function_has_a_backward_function,
        function_captures_more_than_it_takes,
        separator_comes_from_the_caller,
        suffix_is_in_two_forms,
        suffix_is_of_no_writer,
        path_is_an_input_of_a_signature,
        saver_names_another_tensor,
        saver_writes_while_it_restores,
    ],
)
def test_path_that_no_writer_produces_is_a_danger(contents, change):
    assert kinds(contents["tf2"]) == set()
    assert kinds(edited(contents["tf2"], change)) & {"reads files", "writes files"}


def test_asset_that_only_the_collection_lists_is_a_danger_where_there_is_a_list(contents):
    def list_another(metagraph):
        assert metagraph.collection_def["saved_model_assets"].any_list.value
        metagraph.asset_file_def.add(filename="other").tensor_info.name = "elsewhere:0"

    assert kinds(contents["tf1"]) == set()
    assert kinds(edited(contents["tf1"], list_another)) == {"reads files"}


def unknown_field(metagraph):
    metagraph.graph_def.node[0].MergeFromString(field(100, b"new"))


def function_twice(metagraph):
    added = metagraph.graph_def.library.function.add()
    added.signature.name = "twice"
    metagraph.graph_def.library.function.add().CopyFrom(added)


def function_with_a_mark_in_its_name(metagraph):
    metagraph.graph_def.library.function.add().signature.name = "f:0"


def function_of_an_op(metagraph):
    metagraph.graph_def.library.function.add().signature.name = "Identity"


@pytest.mark.parametrize("change", [unknown_field, function_twice, function_with_a_mark_in_its_name, function_of_an_op])
def test_what_can_be_read_in_two_ways_is_a_danger(contents, change):
    assert kinds(edited(contents["tf1"], change)) == {"ambiguous"}


ENTRY = field(1, b"key") + field(2, b"")
TENSOR = field(1, STRING)


@pytest.mark.parametrize(
    "metagraph",
    [
        field(5, ENTRY) + field(5, ENTRY),  # a signature twice
        field(5, field(2, b"")) + field(5, field(1, b"") + field(2, b"")),  # and one without a name
        field(3, field(1, b"a:0")) + field(3, field(1, b"b:0")),  # two SaverDefs, which are merged
        field(4, field(1, b"key") + field(2, field(1, b"") + field(2, b""))),  # a collection of nodes and of bytes
        field(2, field(1, field(5, field(1, b"value") + field(2, field(8, TENSOR) + field(2, b"text"))))),
        field(7, field(1, field(5, field(1, (1 << 32) + 1)))),  # an index of more than 32 bits
        field(2, field(1, field(2, 7))),  # a number where an op's name is expected
    ],
)
def test_message_that_readers_settle_in_different_ways_is_a_danger(metagraph):
    content = field(1, 1) + field(2, metagraph)
    try:
        assert "ambiguous" in kinds(content)
    except CorruptModel:
        assert metagraph == field(2, field(1, field(2, 7)))


@pytest.mark.parametrize(
    ("op", "attribute", "content", "kind"),
    [
        ("XlaCallModule", "module", b"ML\xefR\x06StableHLO_v1.0.0\0\0custom_call_v1\0", {"hides a program"}),
        ("XlaCallModule", "module", b'module { "stablehlo.\\63ustom_call"() }', {"hides a program"}),
        ("XlaCallModule", "module", b"ML\xefR\x06StableHLO_v1.0.0\0\0add_v1\0", set()),
        ("MlirPassthroughOp", "mlir_module", b"", {"hides a program"}),
    ],
)
def test_compiled_program_that_calls_native_code_is_a_danger(contents, op, attribute, content, kind):
    def add(metagraph):
        metagraph.graph_def.node.add(name="program", op=op).attr[attribute].s = content

    assert kinds(edited(contents["tf1"], add)) == kind


def test_gradient_of_a_python_function_is_a_danger(contents):
    def borrow(metagraph):
        metagraph.graph_def.node[0].attr["_gradient_op_type"].s = b"EagerPyFunc"

    assert kinds(edited(contents["tf1"], borrow)) == {"runs Python"}


def function_of_many_arguments(metagraph):
    added = metagraph.graph_def.library.function.add()
    added.signature.name = "many"
    call = metagraph.graph_def.node.add(name="call", op="PartitionedCall")
    call.attr["f"].func.name = "many"
    for number in range(20_000):
        added.signature.input_arg.add(name=f"a{number}", type=STRING)
        added.node_def.add(name=f"read{number}", op="ReadFile", input=[f"a{number}"])
        call.input.append("path")


def many_readers_of_many_paths(metagraph):
    metagraph.graph_def.node.add(name="pack", op="Pack", input=[f"p{number}" for number in range(50_000)])
    for number in range(300):
        metagraph.graph_def.node.add(name=f"hop{number}", op="Identity", input=["pack"])
        metagraph.graph_def.node.add(name=f"read{number}", op="ReadFile", input=[f"hop{number}"])


def many_callers_of_many_functions(metagraph):
    for number in range(300):
        added = metagraph.graph_def.library.function.add()
        added.signature.name = f"f{number}"
        added.signature.input_arg.add(name="path", type=STRING)
        added.node_def.add(name="read", op="ReadFile", input=["path"])
        for _ in range(100):
            call = added.node_def.add(name=f"call{number}", op="PartitionedCall", input=["path"])
            call.attr["f"].func.name = f"f{(number + 1) % 300}"


def many_savers(metagraph):
    for number in range(3_000):
        metagraph.graph_def.node.add(name=f"n{number}", op="NoOp", input=[f"n{number - 1}"] * bool(number))
    metagraph.graph_def.node.add(name="read", op="RestoreV2", input=["path"])
    metagraph.graph_def.node.add(name="path", op="Placeholder")
    saver = type(metagraph.saver_def)(filename_tensor_name="path:0", restore_op_name="n2999")
    metagraph.collection_def["savers"].bytes_list.value.extend([saver.SerializeToString()] * 3_000)


def many_dangers(metagraph):
    for _ in range(200_000):
        metagraph.graph_def.node.add()


@pytest.mark.parametrize(
    "grow",
    [
        function_of_many_arguments,
        many_readers_of_many_paths,
        many_callers_of_many_functions,
        many_savers,
        many_dangers,
    ],
)
def test_work_of_a_scan_is_linear(grow):
    model = tf_internals.protos.new_saved_model()
    grow(model.meta_graphs.add())
    content = model.SerializeToString()
    start = time.process_time()
    found = scan_saved_model("m", content).findings
    assert time.process_time() - start < 6
    assert len(found) <= 10_001
    assert found or grow is many_savers


def test_model_of_a_million_graphs_is_refused():
    start = time.process_time()
    with pytest.raises(CorruptModel, match="more than 1,000 graph variants"):
        scan_saved_model("m", field(2, b"") * 1_000_000)
    assert time.process_time() - start < 6


def test_string_list_of_a_constant_is_read_as_tensorflow_reads_it():
    def scan(content, shape):
        model = tf_internals.protos.new_saved_model()
        graph = model.meta_graphs.add().graph_def
        tensor = graph.node.add(name="path", op="Const").attr["value"].tensor
        tensor.dtype = STRING
        tensor.tensor_content = content
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        graph.node.add(name="read", op="ReadFile", input=["path"])
        (found,) = scan_saved_model("m", model.SerializeToString()).findings
        return found.what

    assert scan(b"\x01\x02abc", [2]) == "'a', 'bc'"
    assert scan(b"\x03abc", []) == "'abc'"
    for content, shape in ((b"\x04abc", []), (b"\x03abcd", []), (b"\x03abc", [1 << 40, 1 << 40])):
        assert scan(content, shape) == "a constant that is not text"
