from __future__ import annotations

from pathlib import Path

import pytest
import saved_models
from hypothesis import given
from hypothesis import strategies as st

from rehub import tf_internals
from rehub.savedmodel.nodes import iter_scopes
from rehub.savedmodel.wire import WireError


def nodes_read_by_tensorflow(content):
    model = tf_internals.protos.new_saved_model()
    model.ParseFromString(content)
    for metagraph in model.meta_graphs:
        graph = metagraph.graph_def
        for function, nodes in [
            ("", graph.node),
            *((each.signature.name, each.node_def) for each in graph.library.function),
        ]:
            for node in nodes:
                yield (
                    frozenset(metagraph.meta_info_def.tags),
                    function,
                    node.name,
                    node.op,
                    list(node.input),
                    set(node.attr),
                )


def nodes_read_here(content):
    for scope in iter_scopes(content):
        for node in scope.nodes():
            yield scope.tags, scope.function, node.name, node.op, node.inputs(), {name for name, _ in node.attributes()}


def model_of(*fields):
    """A model of one graph with one node, which has these fields as they are."""
    content = b"".join(fields)
    for number in (1, 2, 2):  # NodeDef of GraphDef of MetaGraphDef of SavedModel.
        content = bytes([number << 3 | 2, len(content)]) + content
    return content


def test_the_nodes_are_those_that_tensorflow_reads(tmp_path):
    directories = [saved_models.save_lookup(tmp_path / "tf2"), saved_models.save_v1(tmp_path / "tf1")]
    directories += [path.parent for path in sorted(saved_models.LEGACY.parent.rglob("saved_model.pb"))[::4]]
    for directory in directories:
        content = (Path(directory) / "saved_model.pb").read_bytes()
        assert list(nodes_read_here(content)) == list(nodes_read_by_tensorflow(content))


@given(
    st.lists(
        st.sampled_from(
            [
                b"\x0a\x01a",
                b"\x12\x03Add",
                b"\x12\x03Mul",
                b"\x12\x83\x00Div",
                b"\x92\x00\x03Sub",
                b"\x1a\x01x",
                b"\x48\x07",
            ]
        ),
        max_size=8,
    )
)
def test_a_node_that_is_written_in_an_unusual_way_is_read_as_tensorflow_does(fields):
    content = model_of(*fields)
    assert list(nodes_read_here(content)) == list(nodes_read_by_tensorflow(content))


@pytest.mark.parametrize(
    "field", [b"\x12\x05Add", b"\x12", b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x12\x01\xff"]
)
def test_a_node_that_cannot_be_read_is_an_error(field):
    with pytest.raises(WireError):
        list(nodes_read_here(model_of(field)))
