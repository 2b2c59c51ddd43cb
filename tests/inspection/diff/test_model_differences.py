from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub.errors import CorruptModel
from rehub.inspection.diff import Change, ModelDifference, VariableDifference, compare_models
from rehub.inspection.model_info import VariableInfo


def compare(before, after):
    return compare_models(hub.inspect(str(before)), hub.inspect(str(after)))


def facts(difference):
    return {fact.what: (fact.before, fact.after) for fact in difference.facts}


MODELS = [model.name for model in saved_models.LEGACY.iterdir() if model.is_dir()]


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_is_equal(name, tmp_path):
    shutil.copytree(str(saved_models.LEGACY / name), str(tmp_path / "copy"))
    difference = compare(saved_models.LEGACY / name, tmp_path / "copy")
    assert not difference
    assert difference.equal_variables == len(hub.inspect(str(tmp_path / "copy")).variables)


def test_changed_weights_have_the_size_of_the_difference(tmp_path):
    model = saved_models.Shift()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures=model.__call__)
    model.inner.w.assign([3.5])
    tf.saved_model.save(model, str(tmp_path / "2"), signatures=model.__call__)
    difference = compare(tmp_path / "1", tmp_path / "2")
    assert difference.facts == ()
    (changed,) = difference.variables
    assert (changed.before.path, changed.after.path) == ("inner.w", "inner.w")
    assert (changed.values.changed, changed.values.max_absolute) == (1, 0.5)
    np.testing.assert_allclose(changed.values.max_relative, 0.5 / 3.5)
    assert (difference.equal_variables, difference.equal_parameters) == (2, 2)
    assert difference.matched == {"checkpoint key": 3}


def test_added_removed_and_reshaped_variables_are_found(tmp_path):
    for name, shapes in (("1", {"a": [2], "b": [3]}), ("2", {"b": [4], "c": [1]})):
        module = tf.Module()
        for attribute, shape in shapes.items():
            setattr(module, attribute, tf.Variable(tf.zeros(shape), name=attribute))
        tf.saved_model.save(module, str(tmp_path / name))
    found = {
        (each.before and each.before.path, each.after and each.after.path): each.not_compared
        for each in compare(tmp_path / "1", tmp_path / "2").variables
    }
    assert found == {("a", None): "", ("b", "b"): "their shapes differ", (None, "c"): ""}


def test_a_changed_signature_is_found(tmp_path):
    for name, spec in (("1", tf.TensorSpec([None], tf.float32, "x")), ("2", tf.TensorSpec([None, 2], tf.int32, "x"))):
        module = tf.Module()
        module.f = tf.function(lambda x: {"y": x}, [spec])
        tf.saved_model.save(module, str(tmp_path / name), signatures={"serving_default": module.f})
    found = facts(compare(tmp_path / "1", tmp_path / "2"))
    assert found["signature serving_default, input x"] == ("float32[?]", "int32[?, 2]")
    assert found["signature serving_default, output y"] == ("float32[?]", "int32[?, 2]")
    assert found["function f, trace 1"][1] == "(x: int32[?, 2]) -> ['y']: int32[?, 2]"


def test_a_changed_asset_is_found_by_its_content(tmp_path):
    saved_models.save_lookup(tmp_path / "1")
    shutil.copytree(str(tmp_path / "1"), str(tmp_path / "2"))
    (asset,) = (tmp_path / "2" / "assets").iterdir()
    asset.write_text("a\nb\nz\n")
    ((what, values),) = facts(compare(tmp_path / "1", tmp_path / "2")).items()
    assert what == f"asset assets/{asset.name}"
    assert values[0] != values[1]
    asset.unlink()
    assert facts(compare(tmp_path / "1", tmp_path / "2"))[what][1] == "missing"


def test_a_graph_variant_of_only_one_model_is_found(tmp_path):
    for name, tag_sets in (("1", [["serve"], ["serve", "tpu"]]), ("2", [["serve"]])):
        (tmp_path / name).mkdir()
        saved_models.save_v1(tmp_path / name / "model", tag_sets)
    difference = compare(tmp_path / "1" / "model", tmp_path / "2" / "model")
    assert facts(difference)["variant ['serve', 'tpu']"][1] is None
    assert all(what.startswith("variant") for what in facts(difference))
    assert not difference.variables


@pytest.mark.skipif(saved_models.IS_TF1, reason="converting needs TensorFlow 2")
def test_a_conversion_keeps_the_weights(tmp_path):
    # They are one partitioned variable before, and three variables after.
    hub.convert(str(saved_models.LEGACY / "text_embed_part"), str(tmp_path / "new"))
    difference = compare(saved_models.LEGACY / "text_embed_part", tmp_path / "new")
    assert difference.variables == ()
    assert difference.matched == {"name": 1}
    assert facts(difference)["format"] == ("legacy module", "TF2 SavedModel")


def test_a_model_without_variables_can_be_compared(tmp_path):
    saved_models.save_replacing(tmp_path / "1")
    saved_models.save_shift(tmp_path / "2")
    assert all(each.before is None for each in compare(tmp_path / "1", tmp_path / "2").variables)


def test_a_damaged_checkpoint_is_an_error_not_a_difference(tmp_path):
    model = Path(shutil.copytree(str(saved_models.LEGACY / "conv_bn"), str(tmp_path / "copy")))
    data = model / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-100])
    with pytest.raises(CorruptModel, match="it is to end at"):
        compare(saved_models.LEGACY / "conv_bn", model)


def test_a_notebook_shows_a_difference_as_a_table_with_escaped_names():
    variable = VariableInfo("<w>", "", "w", "float32", (2,), True, 8)
    difference = ModelDifference(
        facts=(Change("op <b>", "1", None),),
        variables=(VariableDifference(variable, None), VariableDifference(variable, variable, None, "<why>")),
        equal_variables=1,
        equal_parameters=4,
        matched={"name": 1},
    )
    table = difference._repr_html_()
    assert table.startswith("<table><caption>3 differences; 1 equal variables with 4 parameters</caption>")
    assert table.count("<tr>") == 4
    assert not any(name in table for name in ("<b>", "<w>", "<why>"))
