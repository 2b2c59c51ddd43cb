"""Models that a scan once missed: each does harm when it is trusted, and is refused otherwise."""

from __future__ import annotations

from pathlib import Path

import harmful_models
import pytest
import saved_models
import tensorflow as tf
from harmful_models import edit, save_graph
from wire_messages import field

import rehub as hub
from rehub import loading, tf_internals
from rehub.errors import UnsafeModel

v1 = tf.compat.v1
needs_tf2 = pytest.mark.skipif(saved_models.IS_TF1, reason="the loader of TensorFlow 1.15 is another one")


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text("the secret")
    return str(file)


def add_asset(directory, metagraph, tensor):
    asset = metagraph.asset_file_def.add(filename="words.txt")
    asset.tensor_info.name = tensor
    Path(directory, "assets").mkdir(exist_ok=True)
    Path(directory, "assets", "words.txt").write_text("harmless")


def node_name(metagraph, op):
    (found,) = [node for node in metagraph.graph_def.node if node.op == op]
    return found


def named(metagraph, name):
    (found,) = [node for node in metagraph.graph_def.node if node.name == name.partition(":")[0]]
    return found


def read_last_while_restoring(metagraph):
    """Let `read_into` run as the last part of the restore op."""
    node_name(metagraph, "ReadFile").input.append("^" + metagraph.saver_def.restore_op_name.partition(":")[0])
    metagraph.saver_def.restore_op_name = "read_into"


def constant_in_two_forms(directory, secret):
    """Its string says that it is an asset; TensorFlow takes its content, which is another path."""
    save_graph(directory, lambda words, _: words + tf.io.read_file("SAVEDMODEL-ASSET"))

    def change(metagraph):
        name = node_name(metagraph, "ReadFile").input[0]
        (constant,) = [node for node in metagraph.graph_def.node if node.name == name]
        tensor = constant.attr["value"].tensor
        tensor.tensor_content = bytes([len(secret)]) + secret.encode()
        add_asset(directory, metagraph, f"{name}:0")

    edit(directory, change)


def function_named_like_an_op(directory, secret):
    """The path of an asset goes through `StopGradient`, which is a function that returns another path."""

    def build(words, _):
        return words + tf.io.read_file(tf.stop_gradient(tf.constant("SAVEDMODEL-ASSET", name="path"), "hop"))

    save_graph(directory, build)

    def change(metagraph):
        constant = named(metagraph, "path")
        add_asset(directory, metagraph, "path:0")
        named(metagraph, "hop").attr.clear()
        function = metagraph.graph_def.library.function.add()
        function.signature.name = "StopGradient"
        function.signature.input_arg.add(name="path", type=tf.string.as_datatype_enum)
        function.signature.output_arg.add(name="other", type=tf.string.as_datatype_enum)
        within = function.node_def.add(name="within")
        within.CopyFrom(constant)
        within.name = "within"
        within.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(secret))
        function.ret["other"] = "within:output:0"

    edit(directory, change)


def asset_that_is_not_fed_while_restoring(directory, secret):
    """A constant is in the place of an asset, which is fed to initialize tables; the restore op reads its own value."""
    save_reading_into_variable(directory, secret)

    def change(metagraph):
        add_asset(directory, metagraph, "path:0")
        read_last_while_restoring(metagraph)

    edit(directory, change)


def save_reading_into_variable(directory, secret):
    """A TF1 SavedModel whose output is a variable, into which `read_into` reads the file that `path` names."""
    builder = v1.saved_model.Builder(str(directory))
    with tf.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], "words")
        text = v1.get_variable("text", initializer="nothing", use_resource=True)
        path = tf.constant(secret, name="path")
        tf.group(v1.assign(text, tf.io.read_file(path)), name="read_into")
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def({"words": words}, {"output": words + text.value()})
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map={"serving_default": signature})
    builder.save()


def another_checkpoint(directory, secret):
    """The restore op runs a RestoreV2 whose prefix is not fed: it has a default."""
    with tf.Graph().as_default(), v1.Session() as session:
        stolen = v1.get_variable("stolen", initializer="the secret", use_resource=True)
        session.run(stolen.initializer)
        v1.train.Saver([stolen]).save(session, secret, write_meta_graph=False, write_state=False)
    save_reading_into_variable(directory, secret)

    def change(metagraph):
        read_last_while_restoring(metagraph)
        reading = node_name(metagraph, "ReadFile")
        path = metagraph.graph_def.node.add(name="prefix", op="PlaceholderWithDefault", input=["path"])
        path.attr["dtype"].type = tf.string.as_datatype_enum
        path.attr["shape"].shape.SetInParent()
        for name, text in (("names", b"stolen"), ("slices", b"")):
            constant = metagraph.graph_def.node.add(name=name, op="Const")
            constant.attr["dtype"].type = tf.string.as_datatype_enum
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([text]))
        reading.op = "RestoreV2"
        reading.input[0] = "prefix"
        reading.input.insert(1, "slices")
        reading.input.insert(1, "names")
        reading.attr.clear()
        reading.attr["dtypes"].list.type.append(tf.string.as_datatype_enum)

    edit(directory, change)


@pytest.mark.parametrize(
    "attack",
    [
        constant_in_two_forms,
        pytest.param(function_named_like_an_op, marks=needs_tf2),
        asset_that_is_not_fed_while_restoring,
        another_checkpoint,
    ],
)
def test_graph_that_reads_a_file_of_this_machine_is_refused(tmp_path, secret, attack):
    attack(tmp_path / "model", secret)
    directory = str(tmp_path / "model")
    if not saved_models.IS_TF1:
        model = hub.load(directory, trusted=True)
        assert "the secret" in str(model.signatures["serving_default"](words=tf.constant(["It is "])))
    assert not hub.scan(directory).is_clean
    with pytest.raises(UnsafeModel):
        hub.load(directory, trusted=False)


class ReadsWhatItCaptures(tf.Module):
    """Reads a file of its own."""

    def __init__(self, file, other):
        super().__init__()
        self.asset = tf.saved_model.Asset(file)
        self.other = tf.constant(other)

    @tf.function(input_signature=[saved_models.STRINGS])
    def use(self, words):
        return words + tf.io.read_file(self.asset.asset_path)

    @tf.function(input_signature=[saved_models.STRINGS])
    def tell(self, words):
        return words + self.other


def two_members(objects, asset, constant):
    """The asset's SavedObject is also the constant: of the members of a oneof, protobuf keeps the last."""
    return objects[asset] + objects[constant]


def object_of_two_occurrences(objects, asset, constant):
    """The asset is set once more behind, and so is the constant."""
    return objects[constant] + objects[asset] + objects[constant]


@needs_tf2
@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
@pytest.mark.parametrize("write", [two_members, object_of_two_occurrences])
def test_object_written_as_two_is_refused(tmp_path, secret, write, loader):
    (tmp_path / "words.txt").write_text("a word")
    model = ReadsWhatItCaptures(str(tmp_path / "words.txt"), secret)
    directory = str(tmp_path / "model")
    tf.saved_model.save(model, directory)
    assert hub.scan(directory).is_clean
    file = Path(directory) / "saved_model.pb"
    saved = tf_internals.protos.new_saved_model()
    saved.ParseFromString(file.read_bytes())
    (metagraph,) = saved.meta_graphs
    kinds = [each.WhichOneof("kind") for each in metagraph.object_graph_def.nodes]
    objects = [each.SerializeToString() for each in metagraph.object_graph_def.nodes]
    objects[kinds.index("asset")] = write(objects, kinds.index("asset"), kinds.index("constant"))
    del metagraph.object_graph_def.nodes[:]
    rest = metagraph.object_graph_def.SerializeToString()
    metagraph.ClearField("object_graph_def")
    graph = b"".join(field(1, each) for each in objects) + rest
    file.write_bytes(field(1, 1) + field(2, metagraph.SerializeToString() + field(7, graph)))

    assert "the secret" in str(hub.load(directory, loader=loader, trusted=True).use(tf.constant(["It is "])))
    assert not hub.scan(directory).is_clean
    with pytest.raises(UnsafeModel, match="ambiguous: field"):
        hub.load(directory, loader=loader, trusted=False)


@pytest.mark.parametrize("loader", ["auto", "tensorflow"])
@pytest.mark.parametrize("as_text", [False, True])
def test_file_exchanged_after_the_scan_is_not_loaded(tmp_path, monkeypatch, loader, as_text):
    directory = saved_models.save_v1(tmp_path / "model", as_text=as_text)
    harmful = harmful_models.save_that_writes(tmp_path / "harmful", tmp_path / "harm")
    name = "saved_model.pbtxt" if as_text else "saved_model.pb"

    def exchange_first(*arguments):
        (Path(directory) / name).unlink()
        (Path(harmful) / "saved_model.pb").rename(Path(directory) / "saved_model.pb")
        return read_metagraphs(*arguments)

    read_metagraphs = loading.read_metagraphs  # What comes right behind the scan.
    monkeypatch.setattr(loading, "read_metagraphs", exchange_first)
    with tf.Graph().as_default(), v1.Session() as session:
        hub.load(directory, loader=loader, trusted=False)
        session.run(v1.get_collection(v1.GraphKeys.TABLE_INITIALIZERS))
    assert (Path(directory) / "saved_model.pb").exists()
    assert not (tmp_path / "harm").exists()
