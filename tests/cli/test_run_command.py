"""`rehub run`: what a model gives, as TensorFlow computes it, and what is said about inputs that do not fit."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="running a model needs TensorFlow")

import harmful_models  # noqa: E402  It and the next import TensorFlow.
import saved_models  # noqa: E402

import rehub as hub  # noqa: E402

pytestmark = pytest.mark.smoke

TEXT_EMBED = str(saved_models.LEGACY / "text_embed")
MULTI_SIG = str(saved_models.LEGACY / "multi_sig")


class Images(tf.Module):
    """Pictures of 4 by 6 pixels -> the mean of each channel, and them as they came."""

    def __init__(self, dtype=tf.float32, sizes=(4, 6)):
        super().__init__()
        spec = tf.TensorSpec([None, *sizes, 3], dtype, "images")
        self.see = tf.function(
            lambda images: {"mean": tf.reduce_mean(tf.cast(images, tf.float32), [1, 2]), "images": images}, [spec]
        )


class Answers(tf.Module):
    """Outputs of many types."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bfloat16, "x"), tf.TensorSpec([], tf.string, "text")])
    def answer(self, x, text):
        return {
            "bytes": tf.stack([tf.constant(b"\x00\xff"), text]),
            "file": tf.cast(x, tf.int64),
            "long": tf.range(100, dtype=tf.float32),
            "x": x,
            "z": tf.complex(1.0, [-2.0]),
        }


def save(module, function, directory):
    tf.saved_model.save(module, str(directory), signatures=function)
    return directory


@pytest.fixture
def shift(tmp_path):
    return saved_models.save_shift(tmp_path / "shift")


@pytest.fixture
def answers(tmp_path):
    module = Answers()
    return save(module, module.answer, tmp_path / "answers")


def outputs_of(ran):
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def test_a_dangerous_model_is_refused_by_the_setting(rehub, tmp_path, monkeypatch):  # P66
    harmful = harmful_models.save_that_writes(tmp_path / "model", tmp_path / "harm")
    monkeypatch.setenv("REHUB_TRUST", "refuse")
    ran = rehub("run", harmful, "--input", 'words=["a"]')
    assert (ran.code, ran.out) == (1, "")
    assert "WriteFile writes files" in ran.err
    assert "REHUB_TRUST=refuse" in ran.err
    assert not (tmp_path / "harm").exists()


def test_a_tf2_models_only_signature_is_called(rehub, shift):
    ran = rehub("run", shift, "--input", "x=[1, 2.5]")
    (output,) = hub.load(shift).signatures["serving_default"](x=tf.constant([1.0, 2.5])).values()
    assert (ran.code, ran.err) == (0, "")
    headings, line = ran.out.splitlines()
    assert headings.split() == ["OUTPUT", "TENSOR", "VALUE"]
    assert line == "output_0  float32[2]  [{:g}, {:g}]".format(*output.numpy())


def test_a_signature_of_a_tf1_model_is_called_by_its_name(rehub, tmp_path):
    model = saved_models.save_v1(tmp_path / "v1")
    ran = rehub("run", model, "--input", "x=[1, 2]", "--input", "y=[10, 20]", "--json")
    assert outputs_of(ran) == {"default": [13, 26], "difference": [-7, -14]}
    ran = rehub("run", model, "--signature", "find", "--input", 'words=["c", "d"]', "--json")
    assert outputs_of(ran) == {"place": [2, -1]}


def test_a_legacy_module_returns_the_same_outputs_as_after_load(rehub):
    words = ["the cat", "sat"]
    expected = hub.load(TEXT_EMBED)(tf.constant(words)).numpy()
    ran = rehub("run", TEXT_EMBED, "--input", f"default={json.dumps(words)}", "--json")
    np.testing.assert_array_equal(np.float32(outputs_of(ran)["default"]), expected)


def test_a_graph_variant_is_chosen_by_its_tags(rehub):
    model = str(saved_models.LEGACY / "conv_bn")
    images = np.random.RandomState(1).rand(2, 16, 16, 3).tolist()
    given = ("run", model, "--json", "--input", f"{signature_inputs(model)[0].name}={json.dumps(images)}")
    assert outputs_of(rehub(*given)) == outputs_of(rehub(*given, "--tags", ""))
    assert outputs_of(rehub(*given, "--tags", "train")) != outputs_of(rehub(*given))
    ran = rehub(*given, "--tags", "tpu")
    assert ran.code == 1
    assert "no graph variant with the tags ['tpu']" in ran.err


def signature_inputs(model):
    return hub.inspect(model).graphs[0].signatures[0].inputs


@pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 does not load composite inputs of TF1 models")
def test_sparse_and_ragged_inputs_are_given_as_lists(rehub):
    model = hub.load(MULTI_SIG)
    dense = [[0.0] * 19 + [1.5], [2.0] + [0.0] * 19]
    ran = rehub("run", MULTI_SIG, "--signature", "sparse", "--input", f"weights={dense}", "--json")
    expected = model(tf.sparse.from_dense(dense), signature="sparse").numpy()
    np.testing.assert_array_equal(np.float32(outputs_of(ran)["default"]), expected)
    ran = rehub("run", MULTI_SIG, "--signature", "ragged", "--input", "ids=[[1, 2], [3]]", "--json")
    ids = tf.ragged.constant([[1, 2], [3]], tf.int64)
    np.testing.assert_array_equal(np.float32(outputs_of(ran)["default"]), model(ids, signature="ragged").numpy())


def test_inputs_come_from_files(rehub, shift, tmp_path):
    expected = outputs_of(rehub("run", shift, "--json", "--input", "x=[0.5, -3]"))
    array = np.array([0.5, -3.0])
    np.save(str(tmp_path / "x.npy"), array)
    np.savez(str(tmp_path / "x.npz"), other=array + 1, x=array)
    (tmp_path / "x.json").write_text("[0.5, -3]")
    (tmp_path / "x.csv").write_text("0.5\n-3\n")
    for name in ("x.npy", "x.npz:x", "x.json", "x.csv"):
        assert outputs_of(rehub("run", shift, "--json", "--input", f"x=@{tmp_path / name}")) == expected


@pytest.fixture
def picture(tmp_path):
    """A PNG of 8 by 12 pixels, the left half black, the right half red."""
    pixels = np.zeros([8, 12, 3], np.uint8)
    pixels[:, 6:, 0] = 255
    (tmp_path / "half.png").write_bytes(tf.image.encode_png(pixels).numpy())
    return tmp_path / "half.png"


def test_a_picture_gets_the_size_and_range_of_the_input(rehub, picture, tmp_path):  # P55
    model = Images()
    ran = rehub("run", save(model, model.see, tmp_path / "m"), "--input", f"images=@{picture}", "--json")
    images = np.float32(outputs_of(ran)["images"])
    assert images.shape == (1, 4, 6, 3)
    assert images.min() == 0
    np.testing.assert_allclose(images.max(), 1, atol=0.05)
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), [0.5, 0, 0], atol=1e-3)


def test_a_picture_keeps_its_size_if_the_input_has_none(rehub, picture, tmp_path):
    model = Images(tf.uint8, (None, None))
    directory = save(model, model.see, tmp_path / "m")
    images = np.array(outputs_of(rehub("run", directory, "--input", f"images=@{picture}", "--json"))["images"])
    assert images.shape == (1, 8, 12, 3)
    assert set(images.ravel()) == {0, 255}
    ran = rehub("run", directory, "--input", f"images=@{picture}", "--resize", "2x3", "--json")
    assert np.shape(outputs_of(ran)["images"]) == (1, 2, 3, 3)


def test_a_file_that_is_not_a_picture_is_refused(rehub, tmp_path):
    model = Images()
    (tmp_path / "x.png").write_bytes(b"no picture")
    ran = rehub("run", save(model, model.see, tmp_path / "m"), "--input", f"images=@{tmp_path}/x.png")
    assert ran.code == 1
    assert "cannot be decoded" in ran.err


def test_outputs_of_all_types_are_shown(rehub, answers):
    ran = rehub("run", answers, "--input", "x=[1.5]", "--input", 'text="caf\u00e9"')
    rows = {line.split()[0]: line.split("]", 1)[1].strip() for line in ran.out.splitlines()[1:]}
    assert rows == {
        "bytes": "[b'\\x00\\xff', 'caf\u00e9']",
        "file": "[1]",
        "long": "0, 1, 2, ... (from 0 to 99, mean 49.5)",
        "x": "[1.5]",
        "z": "[(1-2j)]",
    }


def test_outputs_of_all_types_are_printed_as_json(rehub, answers):
    outputs = outputs_of(rehub("run", answers, "--json", "--input", "x=[1.5]", "--input", 'text="caf\u00e9"'))
    del outputs["long"]
    assert outputs == {"bytes": [{"b64": "AP8="}, "caf\u00e9"], "file": [1], "x": [1.5], "z": ["(1-2j)"]}


def test_outputs_are_written_to_a_file_without_pickles(rehub, answers, tmp_path):
    file = tmp_path / "out.npz"
    words = ("run", answers, "--input", "x=[1.5]", "--input", 'text="a"', "--output", file)
    ran = rehub(*words)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{file}  ")
    with np.load(str(file), allow_pickle=False) as written:
        assert sorted(written) == ["bytes", "file", "long", "x", "z"]
        np.testing.assert_array_equal(written["bytes"], [b"\x00\xff", b"a"])
        np.testing.assert_array_equal(written["long"], np.arange(100, dtype=np.float32))
    ran = rehub(*words)
    assert ran.code == 1
    assert "exists already" in ran.err
    assert rehub(*words, "--force").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers", "out.npz"]


def test_an_unwritable_file_is_an_error(rehub, shift, tmp_path):
    ran = rehub("run", shift, "--input", "x=[1]", "--output", tmp_path / "none" / "out.npz")
    assert ran.code == 1
    assert "cannot be written" in ran.err


TAKES = "takes x: float32[?]."


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([], "Missing: x. Unknown: none."),
        (["y=[1]"], "Missing: x. Unknown: y."),
        (["x"], "--input 'x' is not of the form NAME=VALUE."),
        (["x=[1]", "x=[2]"], "Input 'x' is given twice."),
        (["x=one"], "Input 'x': It is not JSON"),
        (['x=["a"]'], "Input 'x': It takes float32. Received: 'a'."),
        (["x=[[1]]"], "Input 'x': It takes float32[?]. Received: float32[1, 1]."),
        (["x=@none.npy"], "'none.npy' cannot be read: No such file or directory."),
    ],
)
def test_a_wrong_input_is_an_error_with_the_inputs_of_the_signature(rehub, shift, inputs, reason):
    ran = rehub("run", shift, *[word for each in inputs for word in ("--input", each)])
    assert (ran.code, ran.out) == (1, "")
    assert reason in ran.err
    assert TAKES in ran.err


def test_a_model_without_a_default_signature_needs_the_option(rehub, tmp_path):
    module = saved_models.Shift()
    signatures = {"a": module.__call__, "b": module.inner.scale}
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=signatures)
    for words, asked in (((), "no default signature"), (("--signature", "c"), "no signature 'c'")):
        ran = rehub("run", tmp_path / "m", *words)
        assert ran.code == 1
        assert f"has {asked}; choose one with --signature: a, b." in ran.err


def test_an_error_of_the_model_is_a_message(rehub, tmp_path):
    module = tf.Module()
    module.f = tf.function(lambda x: tf.gather([1.0, 2.0], x), [tf.TensorSpec([None], tf.int32, "x")])
    ran = rehub("run", save(module, module.f, tmp_path / "m"), "--input", "x=[7]")
    assert ran.code == 1
    assert "does not take these inputs" in ran.err
    assert "not in [0, 2)" in ran.err


@pytest.mark.parametrize("words", [["--resize", "big"], ["--output", "x.json"]])
def test_wrong_options_are_wrong_usage(rehub, words):
    assert rehub("run", "model", *words).code == 2


def test_without_tensorflow_and_numpy_it_says_what_to_install():
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['numpy'] = None; from rehub.cli import main; "
        f"sys.exit(main(['run', {TEXT_EMBED!r}, '--input', 'tokens=[]']))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert b"pip install tensorflow" in ran.stderr
