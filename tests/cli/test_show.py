from __future__ import annotations

import json
import os
import sys

import pytest
import saved_models

import rehub as hub

MODULE = saved_models.LEGACY / "conv_bn"


def test_show_fits_on_one_screen(rehub):
    ran = rehub("show", MODULE)
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) <= 40
    assert ran.out.startswith(f"{MODULE}\n")
    for text in (
        "legacy module, written by TensorFlow 1.15.5",
        "17, 11 trainable; 2,116 parameters, 8.5 kB",
        "['train']; []",
        "image_module_info (images of 16 x 16 pixels)",
        "default(images: float32[?, 16, 16, 3]) -> default: float32[?, 12]",
        "yes: As model(inputs, training=True): 11 trainable variables with 2,036 parameters.",
        f"model = hub.load({str(MODULE)!r})",
        "outputs = model(tf.zeros([1, 16, 16, 3]))",
    ):
        assert text in ran.out


def test_many_traces_signatures_and_functions_are_counted_instead_of_listed(rehub, tmp_path):
    tf = saved_models.tf
    model = tf.train.Checkpoint()
    for number in range(12):
        setattr(model, f"f{number}", tf.function(lambda x: {"y": x}, [tf.TensorSpec([None], tf.float32)]))
    tf.saved_model.save(model, str(tmp_path), {f"s{number}": getattr(model, f"f{number}") for number in range(12)})
    ran = rehub("show", tmp_path)
    assert len(ran.out.splitlines()) <= 40
    assert "and 4 more: --signature NAME or --json shows any" in ran.out
    assert "and 7 more" in ran.out


def test_one_signature_is_shown_with_all_its_tensors(rehub):
    ran = rehub("show", MODULE, "--signature", "image_feature_vector")
    assert "ConvNet/Conv1" in ran.out
    assert "takes    images               float32[?, 16, 16, 3]" in ran.out
    assert "with_dropout" not in ran.out


def test_an_unknown_signature_is_an_error_that_lists_the_known_ones(rehub):
    ran = rehub("show", MODULE, "--signature", "predict")
    assert (ran.code, ran.out) == (1, "")
    assert "has no signature 'predict'; it has: default, image_feature_vector, with_dropout" in ran.err


def test_variables_and_ops_are_listed(rehub):
    ran = rehub("show", saved_models.LEGACY / "text_embed_part", "--variables", "--ops")
    assert "float32[" in ran.out
    assert "trainable" in ran.out
    lines = [line.split() for line in ran.out.splitlines()]
    counts = [int(line[0]) for line in lines[lines.index(["COUNT", "OP"]) + 1 :]]
    assert counts == sorted(counts, reverse=True)


def test_one_variant_is_shown_alone(rehub):
    assert "6 update ops" not in rehub("show", MODULE, "--tags", "").out
    assert "6 update ops" in rehub("show", MODULE, "--tags", "train").out


def test_json_has_everything(rehub):
    info = json.loads(rehub("show", MODULE, "--json").out)
    assert info["format"] == "legacy module"
    assert info["can_be_retrained"]["verdict"] is True
    assert [graph["tags"] for graph in info["graphs"]] == [["train"], []]
    assert info["graphs"][0]["signatures"][0]["inputs"][0]["shape"] == [None, 16, 16, 3]
    assert info["attachments"][0]["value"] == "CgQIEBAQ"


def test_a_directory_without_a_model_is_an_error_message(rehub, tmp_path):
    ran = rehub("show", tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert "The directory is empty" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(("variables", "styled"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_shows_bold_text_unless_no_color_is_set(monkeypatch, variables, styled):
    import pty

    from rehub.cli import output

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb") as screen, os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        output.print_line(output.bold("name") + output.dim("note"))
        terminal.flush()
        shown = screen.readline().strip()
    assert shown == (b"\x1b[1mname\x1b[0m\x1b[2mnote\x1b[0m" if styled else b"namenote")


def test_names_in_a_model_cannot_control_the_terminal(rehub, tmp_path):
    tf = saved_models.tf
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        signature = tf.compat.v1.saved_model.predict_signature_def({"x\x1b]0;owned\x07": x}, {"y": x + 1.0})
        builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    ran = rehub("show", tmp_path / "model")
    assert "x\\x1b]0;owned\\x07: float32[?]" in ran.out
    assert "\x1b" not in ran.out


def test_str_of_a_model_info_equals_the_output_of_show(rehub, tmp_path):
    model = saved_models.save_lookup(tmp_path / "model")
    assert rehub("show", model).out == f"{hub.inspect(model)}\n"


def test_control_characters_in_a_name_are_escaped_in_str(tmp_path):
    model = saved_models.copy(saved_models.LEGACY / "conv_bn", tmp_path / "a\x1b[2Jb")
    assert "\x1b" not in str(hub.inspect(model))
