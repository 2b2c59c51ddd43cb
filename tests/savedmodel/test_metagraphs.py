from __future__ import annotations

import contextlib

import pytest
import saved_models
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.savedmodel import read_metagraphs


def read(directory):
    return read_metagraphs(f"{directory}/saved_model.pb")


def test_tag_sets_are_read():
    assert {metagraph.tags for metagraph in read(saved_models.LEGACY / "conv_bn")} == {
        frozenset(),
        frozenset(["train"]),
    }


def test_signatures_are_read_with_their_inputs_and_outputs(tmp_path):
    (metagraph,) = read(saved_models.save_v1(tmp_path / "model"))
    find, serving_default = metagraph.signatures
    assert (find.name, serving_default.name) == ("find", "serving_default")
    assert [(tensor.name, tensor.kind, tensor.dtype) for tensor in serving_default.inputs] == [
        ("x", "dense", "float32"),
        ("y", "dense", "float32"),
    ]
    assert [tensor.name for tensor in serving_default.outputs] == ["default", "difference"]
    assert metagraph.tags == {"serve"}
    assert not metagraph.has_objects


def test_sparse_and_ragged_inputs_differ_from_dense_ones():
    (metagraph,) = read(saved_models.LEGACY / "multi_sig")
    kinds = {signature.name: [slot.kind for slot in signature.inputs] for signature in metagraph.signatures}
    assert kinds == {
        "default": ["dense"],
        "ragged": ["ragged"],
        "scaled": ["dense", "dense"],
        "sparse": ["sparse"],
        "table": [],
    }


def test_tf2_model_has_objects_and_names_its_writer(tmp_path):
    (metagraph,) = read(saved_models.save_shift(tmp_path / "model"))
    assert metagraph.has_objects
    assert metagraph.tensorflow_version == tf.__version__
    assert [signature.name for signature in metagraph.signatures] == ["serving_default"]


def test_ops_in_functions_are_found(tmp_path):
    (metagraph,) = read(saved_models.save_replacing(tmp_path / "model"))
    assert "RegexReplace" in metagraph.used_ops()


def test_the_ops_that_are_found_are_those_that_the_writer_listed():
    for module in ("conv_bn", "multi_sig", "text_embed"):
        directory = saved_models.LEGACY / module
        message = tf_internals.protos.parse_message("SavedModel", (directory / "saved_model.pb").read_bytes())
        for metagraph, written in zip(read(directory), message.meta_graphs):
            assert metagraph.used_ops() == {op.name for op in written.meta_info_def.stripped_op_list.op}


def test_an_empty_file_is_called_corrupt(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(CorruptModel, match=r"has no graph"):
        read(tmp_path)


def test_a_web_page_in_place_of_a_model_is_called_corrupt(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"<html>log in</html>")
    with pytest.raises(CorruptModel, match=r"saved_model\.pb"):
        read(tmp_path)


CONTENT = (saved_models.LEGACY / "text_embed" / "saved_model.pb").read_bytes()


@settings(deadline=None)
@given(st.integers(0, len(CONTENT) - 1))
def test_a_truncated_model_is_called_corrupt(size):
    with pytest.raises(CorruptModel, match=r"saved_model.pb"):
        read_metagraphs("saved_model.pb", CONTENT[:size])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_garbled_model_is_read_or_called_corrupt(changes):
    content = bytearray(CONTENT)
    for place, byte in changes:
        content[place] = byte
    with contextlib.suppress(CorruptModel):
        for metagraph in read_metagraphs("saved_model.pb", bytes(content)):
            metagraph.used_ops()
            metagraph.nested_ops()
