from __future__ import annotations

import contextlib
import dataclasses
import pickle
import re
import shutil
import subprocess
import sys

import model_forms
import pytest
import saved_models
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from saved_models import tf

import rehub as hub
from rehub.errors import CorruptModel, InvalidSetting, LocationUnreadable, ModelNotFound, TagsNotFound


def test_a_legacy_module_has_variants_and_attachments():
    info = hub.inspect(saved_models.LEGACY / "conv_bn")
    assert (info.format, info.saved_by, info.tensorflow_version) == ("legacy module", "", "1.15.5")
    by_tags = {graph.tags: graph for graph in info.graphs}
    assert by_tags.keys() == {frozenset(), frozenset(["train"])}
    assert (by_tags[frozenset()].update_ops, by_tags[frozenset(["train"])].update_ops) == (0, 6)
    assert by_tags[frozenset()].regularization_losses == 5
    assert {attachment.text for attachment in info.attachments} == {"images of 16 x 16 pixels"}
    assert (len(info.variables), info.parameters, info.bytes) == (17, 2116, 8464)


def test_loops_of_tf1_are_found():
    (graph,) = hub.inspect(saved_models.LEGACY / "rnn").graphs
    assert graph.v1_control_flow == ("Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch")


def test_a_partitioned_variable_is_one_variable():
    (variable,) = hub.inspect(saved_models.LEGACY / "text_embed_part").variables
    assert variable.parts > 1
    (whole,) = hub.inspect(saved_models.LEGACY / "text_embed").variables
    assert (variable.shape, variable.bytes) == (whole.shape, whole.bytes)


def test_keras_is_recognised_by_what_it_saves(inspected):
    info = {name: hub.inspect(path).saved_by for name, path in inspected.items()}
    assert info.get("keras 2", "Keras 2") == info.get("keras", "Keras 2") == info.get("keras 2 export", "Keras 2")
    assert info.get("keras 3 export", "Keras 3") == "Keras 3"
    assert info["shift"] == info["v1"] == ""


def test_functions_have_their_traces(tmp_path):
    info = hub.inspect(saved_models.save_lookup(tmp_path / "model"))
    assert [function.path for function in info.callables] == ["__call__", "find", "inner.scale", "parts[0].scale"]
    find = info.callables[1]
    assert find.arguments == ("words",)
    (trace,) = find.traces
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in trace.inputs] == [("words", "string", (None,))]
    assert [(tensor.dtype, tensor.shape) for tensor in trace.outputs] == [("int64", (None,))]


def test_nested_arguments_have_paths_and_other_values_are_literals(inspected):
    if "nests" not in inspected:
        pytest.skip("TensorFlow 1.15 traces no such nests")
    (encode,) = hub.inspect(inspected["nests"]).callables
    assert len(encode.traces) == 3
    trace = encode.traces[0]
    assert {(tensor.name, tensor.kind) for tensor in trace.inputs} == {
        ("inputs['rows']", "ragged"),
        ("inputs['x']", "dense"),
        ("sparse", "sparse"),
    }
    assert {("training", "False") in trace.literals for trace in encode.traces} == {True, False}


def test_tags_select_one_variant():
    (graph,) = hub.inspect(saved_models.LEGACY / "conv_bn", tags="train").graphs
    assert graph.tags == {"train"}
    with pytest.raises(TagsNotFound, match=r"\['nothing'\]; it has: \[\], \['train'\]"):
        hub.inspect(saved_models.LEGACY / "conv_bn", tags=["nothing"])
    with pytest.raises(InvalidSetting, match="set of strings"):
        hub.inspect(saved_models.LEGACY / "conv_bn", tags=[1])


def test_a_model_needs_no_variables_and_assets_may_be_missing(tmp_path):
    path = saved_models.save_lookup(tmp_path / "model")
    (tmp_path / "model" / "assets").rename(tmp_path / "elsewhere")
    (asset,) = hub.inspect(path).assets
    assert asset.bytes is None
    assert hub.inspect(saved_models.save_replacing(tmp_path / "words")).variables == ()


def test_a_model_in_text_format_gives_the_same_info(tmp_path):
    binary = hub.inspect(saved_models.save_v1(tmp_path / "binary"))
    text = hub.inspect(saved_models.save_v1(tmp_path / "text", as_text=True))
    assert text.graphs == binary.graphs
    assert text.can_be_retrained == binary.can_be_retrained


def test_each_encoding_of_a_model_gives_the_same_info(tmp_path):
    shutil.copytree(str(saved_models.LEGACY / "conv_bn"), str(tmp_path / "module"))
    for directory in (tmp_path / "module", saved_models.save_lookup(tmp_path / "object")):
        expected = hub.inspect(directory)
        model_forms.rewrite_as_text(directory)
        assert hub.inspect(directory) == expected


def test_a_directory_without_a_model_is_refused_by_inspect(tmp_path):
    with pytest.raises(ModelNotFound, match="empty"):
        hub.inspect(tmp_path)


def test_a_model_in_an_object_store_has_to_be_copied_first(tmp_path):
    class Bucket:
        def is_supported(self, handle):
            return handle == "bucket://model"

        def __call__(self, handle):
            return "gs://bucket/model"

    hub.register_resolver(Bucket())
    with pytest.raises(LocationUnreadable, match="REHUB_CACHE_DIR"):
        hub.inspect("bucket://model")


def test_tensorflow_is_not_imported():
    code = "import sys, rehub; rehub.inspect(sys.argv[1]); assert not {'tensorflow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(saved_models.LEGACY / "conv_bn")], check=True)


def test_a_model_info_is_a_value():
    info = hub.inspect(saved_models.LEGACY / "conv_bn")
    assert info == hub.inspect(saved_models.LEGACY / "conv_bn") == pickle.loads(pickle.dumps(info))
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.format = "another"


def test_a_notebook_shows_a_table_with_escaped_names(tmp_path):
    model = tf.train.Checkpoint()
    model.f = tf.function(lambda x: x, [tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(model, str(tmp_path / "<b>model"))
    html = hub.inspect(tmp_path / "<b>model")._repr_html_()
    assert "&lt;b&gt;model" in html
    assert "<b>model" not in html
    assert "model.f" in html
    assert sorted(re.findall(r"<(table|caption|tr|th|td)\b", html)) == sorted(
        re.findall(r"</(table|caption|tr|th|td)>", html)
    )


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """The bytes of a TF2 object's file, and of a legacy module's."""
    directory = tmp_path_factory.mktemp("contents")
    path = saved_models.save_lookup(directory / "model")
    files = (directory / "model" / "saved_model.pb", saved_models.LEGACY / "text_embed_part" / "saved_model.pb")
    assert path
    return [file.read_bytes() for file in files], directory


def inspect_bytes(directory, content):
    (directory / "damaged").mkdir(exist_ok=True)
    (directory / "damaged" / "saved_model.pb").write_bytes(content)
    return hub.inspect(directory / "damaged")


@settings(deadline=None, max_examples=scaled(60))
@given(st.integers(0, 1), st.floats(0, 1, exclude_max=True))
def test_a_truncated_model_is_corrupt(contents, which, share):
    files, directory = contents
    with pytest.raises(CorruptModel, match=r"saved_model\.pb"):
        inspect_bytes(directory, files[which][: int(share * len(files[which]))])


@settings(deadline=None, max_examples=scaled(150))
@given(
    st.integers(0, 1),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_a_garbled_model_is_read_or_corrupt(contents, which, changes):
    files, directory = contents
    content = bytearray(files[which])
    for share, byte in changes:
        content[int(share * len(content))] = byte
    with contextlib.suppress(CorruptModel):
        inspect_bytes(directory, bytes(content))._repr_html_()
