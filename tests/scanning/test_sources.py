from __future__ import annotations

import harmful_models
import pytest
import saved_models
import tensorflow as tf
from harmful_models import SECRET, dangers, edit, save_graph

import rehub as hub

v1 = tf.compat.v1
TABLE = ("InitializeTableFromTextFileV2", "reads files")


@pytest.mark.parametrize("make", [saved_models.save_shift, saved_models.save_lookup, saved_models.save_v1])
def test_a_model_with_variables_tables_and_assets_is_clean(tmp_path, make):
    report = hub.scan(make(tmp_path / "model"))
    assert report.findings == ()
    assert report.nodes > 10


def test_a_model_of_keras_is_clean(tmp_path):
    layers = tf.keras.layers
    model = tf.keras.Sequential([tf.keras.Input([4]), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)])
    if hasattr(model, "export"):
        model.export(str(tmp_path / "model"))
    else:
        model.save(str(tmp_path / "model"), save_format="tf")
    assert hub.scan(tmp_path / "model").findings == ()


def test_legacy_modules_are_clean_and_those_that_print_are_noted():
    modules = [path.parent for path in saved_models.LEGACY.parent.glob("legacy*/**/saved_model.pb")]
    assert len(modules) > 50
    findings = {(module.name, found.op, found.severity) for module in modules for found in hub.scan(module).findings}
    assert findings == {("checks_and_prints", "Print", "note"), ("checks_and_prints", "PrintV2", "note")}


@pytest.mark.skipif(not saved_models.PUBLISHED.is_dir(), reason="there are no published models here")
def test_published_models_are_clean_but_for_an_op_of_a_package():
    found = {
        (path.parent.name, found.op, found.severity)
        for path in saved_models.PUBLISHED.glob("*/saved_model.pb")
        for found in hub.scan(path.parent).findings
    }
    assert found <= {("zh_segmenter", "TokenizerFromLogits", "note")}


class ReadsItsAsset(tf.Module):
    """Reads a file that it brings along."""

    def __init__(self, file):
        super().__init__()
        self.asset = tf.saved_model.Asset(file)

    @tf.function(input_signature=[saved_models.STRINGS])
    def use(self, words):
        return words + tf.io.read_file(self.asset.asset_path)


@pytest.mark.skipif(not hasattr(tf.saved_model, "Asset"), reason="TensorFlow 1.15 has no tf.saved_model.Asset")
def test_reading_an_asset_is_safe_unless_it_is_outside_the_model(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\n")
    model = ReadsItsAsset(str(tmp_path / "words.txt"))
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=model.use)
    assert hub.scan(tmp_path / "model").findings == ()

    def lead_out(metagraph):
        for asset in metagraph.asset_file_def:
            asset.filename = "../../../etc/secret"

    def hide(metagraph):
        outside = metagraph.asset_file_def[0]
        inside = metagraph.asset_file_def.add()
        inside.CopyFrom(outside)
        inside.filename = "words.txt"

    edit(tmp_path / "model", lead_out)
    edit(tmp_path / "model", hide)
    found = hub.scan(tmp_path / "model").dangers
    assert {finding.kind for finding in found} == {"reads files"}
    assert all("../../../etc/secret" in finding.what for finding in found)


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 keeps no paths in variables")
def test_a_variable_of_the_path_that_another_node_can_set_is_found(tmp_path):
    directory = saved_models.save_lookup(tmp_path / "model")
    assert dangers(directory) == set()

    def share(metagraph):
        for handle in [node for node in metagraph.graph_def.node if node.op == "VarHandleOp"]:
            other = metagraph.graph_def.node.add(name=f"{handle.name}_again", op="VarHandleOp")
            other.attr["shared_name"].s = handle.attr["shared_name"].s or handle.name.encode()

    edit(directory, share)
    assert dangers(directory) == {TABLE}


def test_table_of_a_file_that_is_not_an_asset_is_found(tmp_path):
    directory = saved_models.save_v1(tmp_path / "model")

    def forget(metagraph):
        del metagraph.asset_file_def[:]
        del metagraph.collection_def["saved_model_assets"]

    edit(directory, forget)
    assert dangers(directory) == {TABLE}


def test_a_constant_that_is_called_an_asset_is_found_where_it_is_read_without_being_fed(tmp_path):
    directory = save_graph(tmp_path / "model", lambda words, _: harmful_models.reads(words))

    def call_asset(metagraph):
        (reading,) = [node for node in metagraph.graph_def.node if node.op == "ReadFile"]
        asset = metagraph.asset_file_def.add(filename="secret")
        asset.tensor_info.name = f"{reading.input[0]}:0"

    edit(directory, call_asset)
    assert dangers(directory) == {("ReadFile", "reads files")}


def test_a_node_with_a_name_like_a_savers_is_found_all_the_same(tmp_path):
    def build(words, _):
        with tf.name_scope("save"):
            prefix = v1.placeholder_with_default(SECRET, [], "Const")
            (restored,) = tf.raw_ops.RestoreV2(
                prefix=prefix, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string]
            )
            return words + restored

    (found,) = hub.scan(save_graph(tmp_path / "model", build)).dangers
    assert (found.op, found.kind) == ("RestoreV2", "reads files")


def test_restoring_that_writes_is_found(tmp_path):
    directory = save_graph(tmp_path / "model", lambda words, _: tf.identity(words))
    assert dangers(directory) == set()

    def swap(metagraph):
        metagraph.saver_def.restore_op_name = metagraph.saver_def.save_tensor_name.partition(":")[0]

    edit(directory, swap)
    assert ("SaveV2", "writes files") in dangers(directory)


def test_a_saver_whose_file_name_is_a_constant_is_found(tmp_path):
    directory = saved_models.save_shift(tmp_path / "model")

    def fix(metagraph):
        name = metagraph.saver_def.filename_tensor_name.partition(":")[0]
        (node,) = [node for node in metagraph.graph_def.node if node.name == name]
        node.op = "Const"
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/home/user/.ssh/authorized_keys"))

    edit(directory, fix)
    found = hub.scan(directory).dangers
    assert {finding.op for finding in found} == {"MergeV2Checkpoints", "RestoreV2", "SaveV2"}
    assert all("authorized_keys" in finding.what for finding in found)


def test_a_savers_function_that_the_restored_object_has_too_is_found(tmp_path):
    directory = saved_models.save_shift(tmp_path / "model")

    def offer(metagraph):
        names = [each.signature.name for each in metagraph.graph_def.library.function]
        for name in names:
            if "traced_save" in name:
                metagraph.object_graph_def.concrete_functions[name].SetInParent()

    edit(directory, offer)
    assert {op for op, _ in dangers(directory)} == {"MergeV2Checkpoints", "SaveV2"}


@pytest.mark.parametrize("how", ["by the name of an op", "as an implementation"])
def test_a_savers_function_that_is_called_without_an_attribute_is_found(tmp_path, how):
    directory = saved_models.save_shift(tmp_path / "model")

    def call(metagraph):
        library = metagraph.graph_def.library
        (saving,) = [each for each in library.function if "traced_save" in each.signature.name]
        if how == "as an implementation":
            saving.attr["api_implements"].s = b"saving"
            return
        (node,) = [node for node in metagraph.graph_def.node if node.attr["f"].func.name == saving.signature.name]
        saving.signature.name = node.attr["f"].func.name = "MatMul"
        (other,) = [each for each in library.function if "scale" in each.signature.name][:1]
        other.node_def.add(name="path", op="Const").attr["value"].tensor.CopyFrom(tf.make_tensor_proto(SECRET))
        other.node_def.add(name="call", op="MatMul", input=["path:output:0"] * 3)

    edit(directory, call)
    assert {op for op, _ in dangers(directory)} - {""} == {"MergeV2Checkpoints", "SaveV2"}
    assert (("", "ambiguous") in dangers(directory)) == (how == "by the name of an op")


@pytest.mark.parametrize("way", ["/../../../../home/user/.ssh/keys", "/."])
def test_a_saver_that_leaves_its_directory_is_found(tmp_path, way):
    directory = saved_models.save_shift(tmp_path / "model")

    def lead_out(metagraph):
        bodies = [metagraph.graph_def.node, *(each.node_def for each in metagraph.graph_def.library.function)]
        for node in (node for body in bodies for node in body):
            tensor = node.attr["value"].tensor if node.op == "Const" else None
            if tensor is not None and any(b"part" in text for text in tensor.string_val):
                tensor.CopyFrom(tf.make_tensor_proto(way))

    edit(directory, lead_out)
    assert ("SaveV2", "writes files") in dangers(directory)


def test_a_saver_whose_separator_leads_elsewhere_is_found(tmp_path):
    directory = saved_models.save_shift(tmp_path / "model")

    def lead_out(metagraph):
        bodies = [metagraph.graph_def.node, *(each.node_def for each in metagraph.graph_def.library.function)]
        for node in (node for body in bodies for node in body if node.op == "StringJoin"):
            node.attr["separator"].s = b"/../../elsewhere/"

    edit(directory, lead_out)
    assert ("SaveV2", "writes files") in dangers(directory)
