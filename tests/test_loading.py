from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import (
    CorruptModel,
    InvalidSetting,
    LocationUnreadable,
    ModelNotFound,
    OptionsUnsupported,
    TagsNotFound,
    TensorFlowMissing,
    UnsupportedFormat,
)

pytestmark = pytest.mark.smoke

LOAD_OPTIONS = getattr(tf.saved_model, "LoadOptions", None)


def test_a_tf2_savedmodel_is_restored(lookup):
    obj = hub.load(lookup)
    assert obj(tf.constant([1.0])).numpy().tolist() == [5.0]
    assert obj.find(tf.constant(["c"])).numpy().tolist() == [2]
    assert obj.signatures["serving_default"](tf.constant([1.0]))["output_0"].numpy().tolist() == [5.0]
    assert obj.v.trainable
    assert obj._is_hub_module_v1 is False


def test_a_path_object_is_a_handle(lookup):
    assert hub.load(pathlib.Path(lookup)).v.numpy().tolist() == [2.0]


def test_a_tf1_savedmodel_is_restored(v1):
    obj = hub.load(v1)
    result = obj.signatures["serving_default"](x=tf.constant([1.0]), y=tf.constant([2.0]))
    assert result["default"].numpy().tolist() == [5.0]
    assert [variable.numpy() for variable in obj.variables] == [3.0]
    assert obj._is_hub_module_v1 is False


def test_a_legacy_module_is_restored_with_the_empty_tag_set():
    obj = hub.load(str(saved_models.LEGACY / "conv_bn"))
    assert obj._is_hub_module_v1 is True
    images = tf.zeros([2, 8, 8, 3])
    expected = tf.compat.v1.saved_model.load_v2(str(saved_models.LEGACY / "conv_bn"), tags=[])
    np.testing.assert_array_equal(
        obj.signatures["default"](images)["default"].numpy(),
        expected.signatures["default"](images)["default"].numpy(),
    )


@pytest.mark.parametrize("tags", [{"train"}, ["train"], "train"])
def test_tags_choose_the_graph_variant(tags):
    obj = hub.load(str(saved_models.LEGACY / "conv_bn"), tags=tags)
    assert any("moving" in variable.name for variable in obj.variables)
    assert obj.graph.get_collection("update_ops")
    assert not hub.load(str(saved_models.LEGACY / "conv_bn")).graph.get_collection("update_ops")


def test_unknown_tags_are_an_error_that_lists_the_tags(lookup):
    with pytest.raises(TagsNotFound, match=r"no graph variant with the tags \['nope'\]; it has: \[\], \['train'\]"):
        hub.load(str(saved_models.LEGACY / "conv_bn"), tags={"nope"})
    with pytest.raises(TagsNotFound, match=r"no graph variant with the tags \['train'\]; it has: \['serve'\]"):
        hub.load(lookup, tags={"train"})


def test_a_module_without_a_train_variant_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(TagsNotFound, match=r"leave tags unset"):
        hub.load(str(saved_models.LEGACY / "text_embed"), tags=["train"])


def test_several_variants_without_tags_are_an_error_that_lists_them(tmp_path):
    path = saved_models.save_v1(tmp_path / "model", tag_sets=[("serve",), ("serve", "gpu")])
    with pytest.raises(TagsNotFound, match=r"choose one with tags=\. Their tags: \['gpu', 'serve'\], \['serve'\]"):
        hub.load(path)
    assert hub.load(path, tags=["gpu", "serve"])({"x": [1.0], "y": [0.0]}).numpy().tolist() == [3.0]


def test_tags_that_are_not_strings_are_refused(lookup):
    with pytest.raises(InvalidSetting, match=r"tags= takes a set of strings"):
        hub.load(lookup, tags=[1])


def test_a_model_in_text_form_is_restored(tmp_path):
    path = saved_models.save_v1(tmp_path / "model", as_text=True)
    assert sorted(file.name for file in pathlib.Path(path).glob("saved_model.*")) == ["saved_model.pbtxt"]
    assert hub.load(path)({"x": [1.0], "y": [2.0]}).numpy().tolist() == [5.0]


def test_a_damaged_text_file_is_named_as_damaged(tmp_path):
    (tmp_path / "saved_model.pbtxt").write_text("meta_graphs { nonsense")
    with pytest.raises(CorruptModel, match=r"saved_model\.pbtxt.*1:"):
        hub.load(str(tmp_path))


def test_a_damaged_model_is_named_as_damaged(tmp_path):
    content = (saved_models.LEGACY / "text_embed" / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptModel, match=r"cut off or damaged"):
        hub.load(str(tmp_path))


def test_split_model_is_refused_with_the_option_that_made_it(tmp_path):
    (tmp_path / "saved_model.cpb").write_bytes(b"\x83\xaf")
    with pytest.raises(UnsupportedFormat, match=r"saved_model\.cpb.*without experimental_image_format"):
        hub.load(str(tmp_path))


def test_a_directory_without_a_model_is_an_error_that_lists_its_content(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(UnsupportedFormat, match=r"contains neither.*model.keras.*keras.models.load_model"):
        hub.load(str(tmp_path))


def test_a_missing_directory_is_an_error_with_the_handle(tmp_path):
    with pytest.raises(ModelNotFound, match=r"absent"):
        hub.load(str(tmp_path / "absent"))


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has no file system in memory")
def test_a_model_on_a_remote_file_system_is_read_through_tensorflow(lookup):
    hub.register_resolver(RamResolver())
    copy_tree(lookup, "ram://models/lookup")
    assert hub.load("ram://models/lookup").find(tf.constant(["c"])).numpy().tolist() == [2]
    with pytest.raises(ModelNotFound, match=r"no such directory"):
        hub.load("ram://models/absent")
    with tf.io.gfile.GFile("ram://models/notes/readme.md", "w") as file:
        file.write("no model")
    with pytest.raises(ModelNotFound, match=r"contains neither.*readme\.md"):
        hub.load("ram://models/notes")


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has no file system in memory")
def test_a_model_is_loaded_from_a_cache_in_an_object_store(lookup, tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed here")

    class Ram(fsspec.AbstractFileSystem):
        """TensorFlow's file system in memory, through which fsspec and TensorFlow see the same files."""

        protocol = "ram"

        def ls(self, path, detail=True, **kwargs):
            url = "ram://" + self._strip_protocol(path)
            if not tf.io.gfile.isdir(url):
                raise FileNotFoundError(path)
            inner = [f"{url}/{name.rstrip('/')}" for name in tf.io.gfile.listdir(url)]
            return [
                {
                    "name": self._strip_protocol(each),
                    "size": tf.io.gfile.stat(each).length,
                    "type": "directory" if tf.io.gfile.isdir(each) else "file",
                }
                for each in inner
                if tf.io.gfile.exists(each)  # It lists the rest of names that begin alike, too.
            ]

        def mkdir(self, path, create_parents=True, **kwargs):
            tf.io.gfile.makedirs("ram://" + self._strip_protocol(path))

        def makedirs(self, path, exist_ok=False):
            self.mkdir(path)

        def rm_file(self, path):
            if not tf.io.gfile.exists("ram://" + path):
                raise FileNotFoundError(path)
            tf.io.gfile.remove("ram://" + path)

        def pipe_file(self, path, value, **kwargs):
            self.makedirs(self._parent(path))
            with tf.io.gfile.GFile("ram://" + path, "wb") as file:
                file.write(value)

        def put_file(self, lpath, rpath, **kwargs):
            self.pipe_file(rpath, pathlib.Path(lpath).read_bytes())

        def cat_file(self, path, **kwargs):
            if not tf.io.gfile.exists("ram://" + path):
                raise FileNotFoundError(path)
            with tf.io.gfile.GFile("ram://" + path, "rb") as file:
                return file.read()

    fsspec.register_implementation("ram", Ram, clobber=True)
    monkeypatch.setenv("REHUB_CACHE_DIR", "ram://bucket/models")
    archive = shutil.make_archive(str(tmp_path / "lookup"), "gztar", lookup)
    for _ in range(2):
        assert hub.load(archive).find(tf.constant(["c"])).numpy().tolist() == [2]
    assert hub.resolve(archive).startswith("ram://bucket/models/")


def test_a_store_that_tensorflow_cannot_read_is_named_with_a_remedy(memory, lookup, tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", "memory://bucket/models")
    archive = shutil.make_archive(str(tmp_path / "lookup"), "gztar", lookup)
    with pytest.raises(LocationUnreadable, match=r"no file system for memory://(.|\n)*set REHUB_CACHE_DIR"):
        hub.load(archive)


class RamResolver:
    """Takes TensorFlow's file system in memory as it is."""

    def is_supported(self, handle):
        return handle.startswith("ram://")

    def __call__(self, handle):
        return handle


def copy_tree(source, target):
    for directory, _, names in tf.io.gfile.walk(source):
        for name in names:
            inner = pathlib.PurePath(directory).relative_to(source).as_posix()
            tf.io.gfile.makedirs(f"{target}/{inner}")
            tf.io.gfile.copy(f"{directory}/{name}", f"{target}/{inner}/{name}".replace("/./", "/"))


@pytest.mark.skipif(LOAD_OPTIONS is None, reason="tf.saved_model.LoadOptions came with TensorFlow 2.3")
def test_load_options_reach_the_loader(lookup):
    obj = hub.load(lookup, options=LOAD_OPTIONS(experimental_io_device="/job:localhost"))
    assert obj.v.numpy().tolist() == [2.0]
    with pytest.raises(Exception, match=r"/job:elsewhere"):
        hub.load(lookup, options=LOAD_OPTIONS(experimental_io_device="/job:elsewhere"))


@pytest.mark.skipif(LOAD_OPTIONS is None, reason="tf.saved_model.LoadOptions came with TensorFlow 2.3")
def test_other_options_are_refused(lookup):
    with pytest.raises(InvalidSetting, match=r"options= takes a tf.saved_model.LoadOptions. Received: {}"):
        hub.load(lookup, options={})


@pytest.mark.skipif(LOAD_OPTIONS is not None, reason="this TensorFlow has tf.saved_model.LoadOptions")
def test_options_in_an_old_tensorflow_are_an_error_that_names_the_version(lookup):
    with pytest.raises(OptionsUnsupported, match=r"came with TensorFlow 2.3; this is 1.15"):
        hub.load(lookup, options={})


@pytest.mark.parametrize("model", ["lookup", "v1"])
def test_a_model_is_loaded_into_a_tf1_graph(model, request):
    path = request.getfixturevalue(model)
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        obj = hub.load(path)
        x = tf.constant([1.0])
        y = obj(x) if model == "lookup" else obj({"x": x, "y": x})
        place = obj.signatures["find"](tf.constant(["c"]))
        del obj
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            assert session.run(y).tolist() == ([5.0] if model == "lookup" else [4.0])
            assert [value.tolist() for value in session.run(place).values()] == [[2]]


def test_a_model_is_loaded_inside_a_tf_function(v1):
    @tf.function
    def call(x):
        return hub.load(v1)({"x": x, "y": x})

    assert call(tf.constant([1.0])).numpy().tolist() == [4.0]
    assert call(tf.constant([2.0])).numpy().tolist() == [8.0]


WITHOUT_TENSORFLOW = """
import sys
{preparation}
import rehub as hub
from rehub.errors import TensorFlowMissing
try:
    hub.load({path!r})
except TensorFlowMissing as error:
    assert isinstance(error, ImportError)
    print(error)
"""


@pytest.mark.parametrize(
    ("preparation", "message"),
    [
        ("sys.modules['tensorflow'] = None", "is not installed here"),
        (
            "import types; m = types.ModuleType('tensorflow'); m.__version__ = '1.14.0'; sys.modules['tensorflow'] = m",
            "needs TensorFlow 1.15 or newer, found 1.14.0",
        ),
        ("import types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')", "has no __version__"),
    ],
    ids=["absent", "too old", "a folder of that name"],
)
def test_without_tensorflow_the_error_says_what_to_install(preparation, message, lookup):
    script = WITHOUT_TENSORFLOW.format(preparation=preparation, path=lookup)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    output = run.stdout.decode()
    assert message in output, run.stderr.decode()
    assert "pip install" in output


def test_the_error_without_tensorflow_is_an_import_error():
    assert issubclass(TensorFlowMissing, ImportError)
