from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from riegeli_files import IN_BYTES, MESSAGE, RiegeliFile, chunked_message, split_file, split_in_one
from wire_messages import field

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.savedmodel import look, read_metagraphs
from rehub.savedmodel.encodings import saved_model_bytes
from rehub.savedmodel.encodings.split_model import merge

SavedModel = type(tf_internals.protos.saved_model_message())
MODEL = (saved_models.LEGACY / "text_embed" / "saved_model.pb").read_bytes()


def parsed(content):
    return SavedModel.FromString(content)


def split(model, max_size, at_once):
    """Splits a model as TensorFlow's proto_splitter does, into chunks of about so many bytes.

    Constants, functions and then what remains of nodes are taken out; then the library, and the graph as a whole.
    """
    chunks, fields = [], []

    def take(steps, content, kind=MESSAGE):
        fields.append((steps, chunked_message(len(chunks) + 1)))
        chunks.append((kind, content))

    for number, meta_graph in enumerate(model.meta_graphs):
        graph = meta_graph.graph_def
        to_graph = [2, ("index", number), 2]
        for index, node in enumerate(graph.node):
            tensor = node.attr["value"].tensor if node.op == "Const" else None
            if tensor is not None and len(tensor.tensor_content) > max_size:
                steps = [*to_graph, 1, ("index", index), 5, ("key", "value"), 8, 4]
                take(steps, tensor.tensor_content, IN_BYTES)
                tensor.tensor_content = b""
            elif node.ByteSize() > max_size:
                take([*to_graph, 1, ("index", index)], node.SerializeToString())
                node.Clear()
        for index, function in enumerate(graph.library.function):
            take([*to_graph, 2, 1, ("index", index)], function.SerializeToString())
            function.Clear()
        while len(graph.node) > at_once:
            rest = tf.compat.v1.GraphDef()
            rest.node.extend(graph.node[at_once : 2 * at_once])
            del graph.node[at_once : 2 * at_once]
            take(to_graph, rest.SerializeToString())
        if graph.HasField("library"):
            take([*to_graph, 2], graph.library.SerializeToString())
            graph.ClearField("library")
    return [(MESSAGE, model.SerializeToString()), *chunks], chunked_message(0, *fields)


@pytest.mark.parametrize("name", ["conv_bn", "multi_sig", "text_embed"])
@pytest.mark.parametrize(("max_size", "at_once"), [(0, 1), (50, 7), (10_000, 1000)])
def test_a_model_is_what_it_was_before_it_was_split(name, max_size, at_once):
    content = (saved_models.LEGACY / name / "saved_model.pb").read_bytes()
    chunks, message = split(parsed(content), max_size, at_once)
    assert parsed(merge("saved_model.cpb", split_file(chunks, message))) == parsed(content)


def test_a_split_tf2_model_is_read_like_one_that_is_not(tmp_path):
    directory = tmp_path / "model"
    saved_models.save_shift(directory)
    file = directory / "saved_model.pb"
    content = file.read_bytes()
    (directory / "saved_model.cpb").write_bytes(split_file(*split(parsed(content), 50, 2)))
    file.unlink()
    merged = saved_model_bytes(look(str(directory)))
    assert parsed(merged) == parsed(content)
    assert read_metagraphs("saved_model.pb", merged) == read_metagraphs("saved_model.pb", content)


@pytest.mark.parametrize("kind", ["brotli", "zstd"])
def test_a_compressed_split_model_is_read(kind):
    package = pytest.importorskip({"brotli": "brotli", "zstd": "zstandard"}[kind])
    how = {"kind": kind[:1].encode(), "compress": package.compress}
    chunks, message = split(parsed(MODEL), 50, 7)
    assert parsed(merge("saved_model.cpb", split_file(chunks, message, **how))) == parsed(MODEL)


NODES = st.lists(st.text(alphabet="abc", min_size=1, max_size=3), min_size=1, max_size=8)


@settings(deadline=None, max_examples=scaled(50))
@given(NODES, st.data())
def test_chunks_of_one_part_are_merged_in_their_order(names, data):
    """Repeated fields are appended, however their pieces are nested and listed."""
    graphs = []
    for name in names:
        graph = tf.compat.v1.GraphDef()
        graph.node.add(name=name)
        graphs.append((MESSAGE, field(2, graph.SerializeToString())))
    fields = [([2, ("index", 0)], chunked_message(index)) for index in range(len(graphs))]
    file = split_file(graphs, chunked_message(None, *data.draw(st.permutations(fields))))
    (meta_graph,) = parsed(merge("saved_model.cpb", file)).meta_graphs
    assert [node.name for node in meta_graph.graph_def.node] == names


def test_chunks_can_have_chunks_of_their_own():
    inner = chunked_message(1, ([1, ("index", 0)], chunked_message(2)))
    node = tf.compat.v1.GraphDef()
    node.node.add(name="n")
    graph = field(4, field(1, 27))
    chunks = [(MESSAGE, field(1, 1)), (MESSAGE, graph), (MESSAGE, node.node[0].SerializeToString())]
    file = split_file(chunks, chunked_message(0, ([2, ("index", 0), 2], inner)))
    model = parsed(merge("saved_model.cpb", file))
    assert model.saved_model_schema_version == 1
    assert model.meta_graphs[0].graph_def.versions.producer == 27
    assert [each.name for each in model.meta_graphs[0].graph_def.node] == ["n"]


def test_entries_of_maps_are_found_by_their_keys_or_made():
    model = SavedModel()
    function = model.meta_graphs.add().graph_def.library.function.add()
    function.signature.name = "f"
    function.attr["there"].i = 1
    function.arg_attr[0].attr["a"].i = 2
    to_function = [2, ("index", 0), 2, 2, 1, ("index", 0)]
    b_is_true = field(5, 1)
    fields = [
        ([*to_function, 5, ("key", "there")], chunked_message(1)),
        ([*to_function, 5, ("key", "new")], chunked_message(2)),
        ([*to_function, 7, ("number", 0), 1, ("key", "a")], chunked_message(3)),
        ([*to_function, 7, ("number", 3), 1, ("key", "")], chunked_message(4)),
    ]
    chunks = [(MESSAGE, model.SerializeToString()), *[(MESSAGE, b_is_true)] * 4]
    merged = parsed(merge("saved_model.cpb", split_file(chunks, chunked_message(0, *fields))))
    function = merged.meta_graphs[0].graph_def.library.function[0]
    assert sorted(function.attr) == ["new", "there"]
    assert function.attr["there"].b
    assert function.attr["new"].b
    assert sorted(function.arg_attr) == [0, 3]
    assert function.arg_attr[0].attr["a"].b
    assert function.arg_attr[3].attr[""].b


ONE = [(MESSAGE, MODEL)]


def with_fields(*steps):
    return split_file(
        [(MESSAGE, field(1, 1) + MODEL), (MESSAGE, b"")], chunked_message(0, (list(steps), chunked_message(1)))
    )


def deep(levels):
    message = chunked_message(1)
    for _ in range(levels):
        message = chunked_message(None, ([2, ("index", 0)], message))
    return split_file([(MESSAGE, MODEL), (MESSAGE, b"")], message)


def not_metadata(content):
    file = RiegeliFile()
    file.simple([content])
    return bytes(file.content)


def with_shared_record():
    file = RiegeliFile()
    (position,) = file.simple([b""])
    info = field(2, field(1, 1) + field(3, position))
    file.simple([info * 2 + field(3, chunked_message(0, ([2, ("index", 0)], chunked_message(1))))])
    return bytes(file.content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"it holds no records"),
        (bytes(RiegeliFile().content), r"it holds no records"),
        (b"<html>log in</html>", r"bytes are claimed where 19 are left"),
        (split_in_one(MODEL)[:-2], r"ends within a chunk|are claimed where"),
        (not_metadata(b"\xff" * 30), r"64 bits"),
        (split_file(ONE, chunked_message(1)), r"chunk 1 is missing, or belongs to several places"),
        (
            split_file(ONE, chunked_message(0, ([2, ("index", 0)], chunked_message(0)))),
            r"chunk 0 is missing, or belongs",
        ),
        (with_shared_record(), r"no record, or another chunk"),
        (with_fields(2, ("index", 5)), r"a chunk is to be number 5 where there are 1"),
        (with_fields(2, ("index", 1 << 62)), r"a chunk is to be number"),
        (with_fields(("index", 0)), r"not one of fields, indexes and keys"),
        (with_fields(2, ("index", 0), ("key", "x")), r"not one of fields, indexes and keys"),
        (with_fields(0), r"not one of fields, indexes and keys"),
        (with_fields(1, ("index", 0)), r"field 1, which has wire type 0"),
        (with_fields(*[2, ("index", 0)] * 500), r"100 levels deep"),
        (deep(150), r"100 levels deep"),
        (deep(3000), r"100 levels deep"),
    ],
)
def test_a_damaged_file_is_called_corrupt_with_the_reason(content, reason):
    with pytest.raises(CorruptModel, match=rf"'saved_model\.cpb' cannot be read as a split SavedModel, .*{reason}"):
        merge("saved_model.cpb", content)
