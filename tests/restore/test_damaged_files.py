"""Models with missing, cut or exchanged files: the error names the file, and is of TensorFlow's type too."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import CorruptModel, UnsupportedFormat

v1 = tf.compat.v1
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 123456\n"


def remove(file):
    file.unlink()


def cut(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def put_lfs_pointer(file):
    file.write_bytes(LFS_POINTER)


DAMAGES = {
    "index missing": ("variables/variables.index", remove, "variables.index' is missing"),
    "index cut": ("variables/variables.index", cut, r"variables\.index' cannot be read"),
    "index a pointer": ("variables/variables.index", put_lfs_pointer, r"variables\.index' is a Git LFS pointer"),
    "data missing": ("variables/variables.data-*", remove, "variables.data-00000-of-00001' is missing"),
    "data cut": ("variables/variables.data-*", cut, r"00001' is cut off: it has \d+ bytes instead of"),
    "data a pointer": ("variables/variables.data-*", put_lfs_pointer, "00001' is a Git LFS pointer.*git lfs pull"),
    "asset missing": ("assets/*", remove, "assets/.*' is missing"),
    "asset a pointer": ("assets/*", put_lfs_pointer, "assets/.*' is a Git LFS pointer"),
    "model a pointer": ("saved_model.pb", put_lfs_pointer, r"saved_model\.pb' is a Git LFS pointer"),
}
KINDS = ("TF2 object", "TF1 graph", "legacy module")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    objects, graph = saved_models.save_lookup(folder / "objects"), saved_models.save_v1(folder / "graph")
    return dict(zip(KINDS, (objects, graph, str(saved_models.LEGACY / "text_embed"))))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def damaged(model, directory, damage):
    pattern, change, message = DAMAGES[damage]
    (file,) = Path(saved_models.copy(model, directory)).glob(pattern)
    file.chmod(0o644)
    change(file)
    return str(directory), message


def run_initializers():
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_by_the_type_of_error_that_tensorflow_raises(saved, tmp_path, kind, damage):
    model, message = damaged(saved[kind], tmp_path / "model", damage)
    error = Exception
    try:
        v1.saved_model.load_v2(model)
    except Exception as tensorflows:  # noqa: BLE001  whichever it is
        error = type(tensorflows)
    for loader in ("lazy", "tensorflow") if kind == "TF2 object" and not saved_models.IS_TF1 else (None,):
        with pytest.raises(CorruptModel, match=message) as caught:
            hub.load(model, loader=loader)
        assert isinstance(caught.value, error)
        assert isinstance(caught.value, OSError)
        assert model in str(caught.value)


def test_a_damaged_file_is_named_by_its_path_in_the_model(saved, tmp_path):
    """It is not that in the copy which is scanned."""
    model, _ = damaged(saved["TF2 object"], tmp_path / "model", "asset missing")
    with pytest.raises(CorruptModel, match=re.escape(f"{model}/assets/")):
        hub.load(model, trusted=False)


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if "model" not in damage])
def test_a_damaged_file_is_named_before_a_session_reads_it(saved, tmp_path, kind, damage):
    model, message = damaged(saved[kind], tmp_path / "model", damage)
    with tf.Graph().as_default(), pytest.raises(CorruptModel, match=message):
        hub.Module(model) if kind == "legacy module" else hub.load(model)


def test_a_damaged_model_is_not_shown_as_complete(saved, tmp_path):
    for damage in ("index a pointer", "model a pointer"):
        model, message = damaged(saved["TF2 object"], tmp_path / damage, damage)
        with pytest.raises(CorruptModel, match=message):
            hub.inspect(model)


class Weighted(tf.Module):
    def __init__(self, size, dtype, name="w"):
        super().__init__()
        setattr(self, name, tf.Variable(tf.ones([size], dtype)))
        self.name_of_variable = name

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def __call__(self, x):
        return x * tf.cast(tf.reduce_sum(getattr(self, self.name_of_variable)), tf.float32)


def save_object(directory, size, dtype, name="w"):
    tf.saved_model.save(Weighted(size, dtype, name), str(directory))


def save_graph(directory, size, dtype, name="w"):
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [], "x")
        w = v1.get_variable(name, initializer=tf.ones([size], dtype), use_resource=True)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(directory), {"x": x}, {"y": x * tf.cast(tf.reduce_sum(w), tf.float32)})


def save_module(directory, size, dtype, name="w"):
    def module_fn():
        x = v1.placeholder(tf.float32, [], "x")
        w = v1.get_variable(name, initializer=tf.ones([size], dtype), use_resource=True)
        hub.add_signature(inputs=x, outputs=x * tf.cast(tf.reduce_sum(w), tf.float32))

    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(module_fn))
        session.run(v1.global_variables_initializer())
        module.export(str(directory), session)


SAVERS = dict(zip(KINDS, (save_object, save_graph, save_module)))
OTHERS = {"shape": (5, tf.float32), "dtype": (3, tf.float64), "name": (3, tf.float32, "v")}
MESSAGES = {
    "shape": r"is float32 of shape \[5\], but the variable is float32 of shape \[3\]",
    "dtype": r"is float64 of shape \[3\], but the variable is float32",
    "name": "it has no value for the variable 'w",
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_checkpoint_of_another_model_is_refused(tmp_path, kind, other):
    model = tmp_path / "model"
    SAVERS[kind](model, 3, tf.float32)
    SAVERS[kind](tmp_path / "other", *OTHERS[other])
    shutil.rmtree(str(model / "variables"))
    shutil.copytree(str(tmp_path / "other" / "variables"), str(model / "variables"))
    with pytest.raises(CorruptModel, match=r"variables\.index' is not the checkpoint.*" + MESSAGES[other]):
        hub.load(str(model))
    with tf.Graph().as_default(), pytest.raises(CorruptModel, match=MESSAGES[other]):
        hub.Module(str(model)) if kind == "legacy module" else hub.load(str(model))


def test_a_model_in_a_path_with_letters_of_patterns_is_loaded(saved, tmp_path, kind):
    model = saved_models.copy(saved[kind], tmp_path / "my [1]*?" / "mo[d]el")
    assert hub.load(model) is not None
    with tf.Graph().as_default():
        hub.Module(model) if kind == "legacy module" else hub.load(model)
        run_initializers()


@pytest.mark.skipif(saved_models.IS_TF1, reason="hub.convert needs TensorFlow 2")
def test_a_module_is_converted_from_and_into_a_path_with_letters_of_patterns(saved, tmp_path):
    model = saved_models.copy(saved["legacy module"], tmp_path / "from [1]*")
    hub.convert(model, str(tmp_path / "into [1]*"))
    assert hub.load(str(tmp_path / "into [1]*"))(tf.constant(["a"])).shape[0] == 1


def test_a_frozen_graph_is_named_with_a_remedy(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.identity(v1.placeholder(tf.float32, [], "input"), "output")
    for file in (tmp_path / "a" / "graph.pb", tmp_path / "b" / "saved_model.pb"):
        file.parent.mkdir()
        file.write_bytes(graph.as_graph_def().SerializeToString())
        for handle in {file.parent, file if file.name == "graph.pb" else file.parent}:
            with pytest.raises(UnsupportedFormat, match="a GraphDef, such as a frozen graph") as caught:
                hub.load(str(handle))
            assert isinstance(caught.value, OSError)
    namespace = {"tf": tf, "path": str(file)}
    code = str(caught.value).partition(":\n")[2]
    exec(textwrap.dedent(code), namespace)
    assert namespace["function"](tf.constant(2.0)).numpy() == 2.0


def test_an_asset_that_nothing_reads_may_be_missing(tmp_path):
    asset = tmp_path / "notes.txt"
    asset.write_text("notes", encoding="utf-8")
    with tf.Graph().as_default(), v1.Session() as session:
        path = tf.constant(str(asset))
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        kept = v1.get_variable("kept", initializer="", use_resource=True, trainable=False)
        x = v1.placeholder(tf.float32, [None], "x")
        y = x * v1.get_variable("v", initializer=2.0, use_resource=True)
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder = v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=[path],
            main_op=tf.group(v1.assign(kept, path)),
        )
        builder.save()
    (tmp_path / "model/assets/notes.txt").unlink()
    with tf.Graph().as_default(), v1.Session() as session:
        y = hub.load(str(tmp_path / "model"))(tf.constant([3.0]))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        assert session.run(y) == 6.0
