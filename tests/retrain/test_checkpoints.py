"""hub.restore_checkpoint reads what a Saver of TensorFlow 1.15 wrote for modules that were fine-tuned."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from saved_models import LEGACY

import rehub as hub
from rehub.errors import CheckpointMismatch, InvalidSetting

TRAINED = LEGACY.parent / "legacy_checkpoint" / "trained"


@pytest.fixture(scope="module")
def outputs():
    """What the modules returned in the session that wrote the checkpoint."""
    return json.loads(TRAINED.with_suffix(".json").read_text())


def test_partitioned_module_in_a_scope_has_the_values_of_its_checkpoint(outputs):
    module = hub.load(str(LEGACY / "text_embed_part"))
    assert hub.restore_checkpoint(module, TRAINED, scope="tower/text") is module
    np.testing.assert_allclose(module(tf.constant(["a cat", "the dog"])), outputs["text"], rtol=0, atol=2e-6)


def test_module_without_a_name_has_the_values_of_the_latest_checkpoint_of_a_directory(outputs, tmp_path):
    for path in TRAINED.parent.glob("trained.*-*"):
        shutil.copy(str(path), str(tmp_path))
    shutil.copy(str(TRAINED.with_suffix(".index")), str(tmp_path))
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "trained"\n')
    images = np.random.RandomState(3).rand(4, 16, 16, 3).astype(np.float32)
    module = hub.restore_checkpoint(hub.load(str(LEGACY / "conv_bn")), tmp_path)
    np.testing.assert_allclose(module(images), outputs["image"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "scope", "message"),
    [
        ("text_embed_part", "text", r"lacks variables.*'text': 'embedding.*scope='tower/text'"),
        ("rnn", "module", r"lacks variables.*'module'.* and \d+ more"),
        ("text_embed_part", "tower", "lacks variables"),
    ],
)
def test_error_names_the_missing_variables_and_the_scope_that_has_them(name, scope, message):
    with pytest.raises(CheckpointMismatch, match=message):
        hub.restore_checkpoint(hub.load(str(LEGACY / name)), TRAINED, scope=scope)


class Fake:
    """An object with variables of other names or shapes than those in the checkpoint."""

    def __init__(self, variables):
        self.variable_map = dict(variables)


def test_error_names_variables_that_the_module_has_not():
    variables = dict(hub.load(str(LEGACY / "conv_bn")).variable_map)
    removed = min(variables)
    fake = Fake({name: variable for name, variable in variables.items() if name != removed})
    with pytest.raises(CheckpointMismatch, match=f"that the module has not: .*{removed}"):
        hub.restore_checkpoint(fake, TRAINED)


def test_error_shows_both_shapes_and_nothing_is_assigned():
    module = hub.load(str(LEGACY / "conv_bn"))
    before = {name: variable.numpy() for name, variable in module.variable_map.items()}
    fake = Fake(module.variable_map)
    last = max(fake.variable_map)
    fake.variable_map[last] = tf.Variable(tf.zeros([1, 2, 3]))
    with pytest.raises(CheckpointMismatch, match=rf"module/{last}.* of shape \[1, 2, 3\]"):
        hub.restore_checkpoint(fake, TRAINED)
    assert all((variable.numpy() == before[name]).all() for name, variable in module.variable_map.items())


def test_error_for_a_path_without_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointMismatch, match="is not a checkpoint"):
        hub.restore_checkpoint(Fake({"w": tf.Variable(1.0)}), tmp_path / "none")


def test_error_for_an_object_without_a_variable_map():
    with pytest.raises(InvalidSetting, match="variable_map"):
        hub.restore_checkpoint(tf.Module(), TRAINED)
