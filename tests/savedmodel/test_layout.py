from __future__ import annotations

import os

import pytest

from rehub.errors import ModelNotFound, UnsupportedFormat
from rehub.savedmodel import Layout, detect_layout


@pytest.fixture
def directory(tmp_path):
    def make(*names):
        for name in names:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
        return str(tmp_path)

    return make


@pytest.mark.parametrize("name", ["saved_model.pb", "saved_model.pbtxt"])
def test_each_form_of_saved_model_is_found(directory, name):
    path = directory(name, "variables/variables.index")
    assert detect_layout(path) == Layout(path, name, is_legacy=False)


def test_split_model_is_refused_unless_another_form_is_beside_it(directory):
    with pytest.raises(UnsupportedFormat, match=r"saved_model\.cpb.*without experimental_image_format"):
        detect_layout(directory("saved_model.cpb"))
    assert detect_layout(directory("saved_model.pb")).model_file == "saved_model.pb"


def test_legacy_module_is_recognized_by_its_marker_file(directory):
    assert detect_layout(directory("saved_model.pb", "tfhub_module.pb")).is_legacy


def test_the_binary_form_goes_before_the_text(directory):
    assert detect_layout(directory("saved_model.pb", "saved_model.pbtxt")).model_file == "saved_model.pb"


def test_a_missing_directory_is_named_with_the_handle(tmp_path):
    with pytest.raises(ModelNotFound, match=r"no such directory") as caught:
        detect_layout(str(tmp_path / "absent"), "models/bret")
    assert "models/bret" in str(caught.value)
    assert "absent" in str(caught.value)


def test_an_empty_directory_is_called_empty(directory):
    with pytest.raises(ModelNotFound, match=r"contains neither 'saved_model.pb' nor .* The directory is empty"):
        detect_layout(directory())


def test_directory_without_a_model_is_described_by_its_files(directory):
    with pytest.raises(ModelNotFound, match=r"contains neither.*The directory holds: notes.txt, readme.md\."):
        detect_layout(directory("readme.md", "notes.txt"))


def test_a_long_listing_is_cut(directory):
    with pytest.raises(ModelNotFound, match=r"f09.txt, and 20 more\."):
        detect_layout(directory(*(f"f{number:02}.txt" for number in range(30))))


@pytest.mark.parametrize("inner", ["model", os.path.join("export", "1234"), os.path.join("a", "export", "1234")])
def test_a_model_further_down_is_named(directory, inner):
    path = directory(os.path.join(inner, "saved_model.pb"), "readme.md", "other/notes.txt")
    with pytest.raises(ModelNotFound, match=r"further down") as caught:
        detect_layout(path)
    assert repr(os.path.join(path, inner)) in str(caught.value)


def test_a_model_without_its_graph_is_called_incomplete(directory):
    with pytest.raises(ModelNotFound, match=r"graph is missing"):
        detect_layout(directory("variables/variables.index"))


@pytest.mark.parametrize(
    ("names", "loader"),
    [
        (["model.json", "group1-shard1of1.bin"], "TensorFlow.js"),
        (["model.tflite"], "tf.lite.Interpreter"),
        (["model.keras"], "keras.models.load_model"),
        (["weights.h5"], "load_weights"),
        (["checkpoint", "ckpt-1.index", "ckpt-1.data-00000-of-00001"], "tf.train.Checkpoint"),
        (["model.ckpt.meta", "model.ckpt.index"], "import_meta_graph"),
        (["model.safetensors"], "library they were made for"),
        (["model.onnx"], "onnxruntime"),
        (["frozen_inference_graph.pb"], "import_graph_def"),
    ],
)
def test_a_model_of_another_kind_is_named_with_what_loads_it(directory, names, loader):
    with pytest.raises(UnsupportedFormat, match=r"contains neither") as caught:
        detect_layout(directory(*names))
    assert loader in str(caught.value)
    assert names[0] in str(caught.value)


def test_a_file_of_another_kind_is_named_with_what_loads_it(directory):
    with pytest.raises(UnsupportedFormat, match=r"TF Lite.*Interpreter"):
        detect_layout(os.path.join(directory("model.tflite"), "model.tflite"))


def test_the_model_file_in_place_of_its_directory_is_understood(directory):
    with pytest.raises(ModelNotFound, match=r"give the directory that holds it"):
        detect_layout(os.path.join(directory("saved_model.pb"), "saved_model.pb"))


def test_file_that_is_not_a_model_is_called_a_file(directory):
    with pytest.raises(ModelNotFound, match=r"is a file, not a directory"):
        detect_layout(os.path.join(directory("notes.txt"), "notes.txt"))
