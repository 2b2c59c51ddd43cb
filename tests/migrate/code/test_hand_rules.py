"""RH302 to RH310 are found by what names mean, each with code to write by hand."""

from __future__ import annotations

import ast

import pytest

from rehub.migrate.code.hand_rules import find_hand_rules
from rehub.migrate.code.imported_names import ImportedNames

IMPORTS = "import tensorflow as tf\nimport tensorflow_hub as hub\n"


def rules_of(source):
    return [finding.rule for finding in find_hand_rules(ImportedNames(ast.parse(source)))]


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)", ["RH302"]),
        ("estimator = tf.estimator.Estimator(model_fn)", ["RH303"]),
        ("def f(m):\n  if m:\n    return tf.estimator.EstimatorSpec(m)\n  tf.estimator.EstimatorSpec(1)", ["RH303"]),
        ("tf.contrib.tpu.TPUEstimator(model_fn)", ["RH303"]),
        ("mode = tf.estimator.ModeKeys.TRAIN", []),
        ("tags = {'train'} if training else set()\nhub.Module('h', tags=tags)", ["RH302"]),
        ("hub.Module('h', tags=set())", []),
        ("import tensorflow.contrib.slim as slim", ["RH305"]),
        ("tf.train.init_from_checkpoint(path, names)", ["RH306"]),
        ("tf.estimator.DNNClassifier([])", ["RH304"]),
        ('column = hub.text_embedding_column("a", "h")', ["RH304"]),
        ("tf.feature_column.input_layer(features, [])", ["RH304"]),
        ("tf.contrib.layers.l2_regularizer(0.1)", ["RH305"]),
        ("from tensorflow.contrib import slim\nslim.conv2d", ["RH305", "RH305"]),
        ("saver = tf.train.Saver()", ["RH306"]),
        ("tf.saved_model.simple_save(session, path, {}, {})", ["RH307"]),
        ("tf.import_graph_def(graph)", ["RH307"]),
        ("spec = hub.create_module_spec(f)", ["RH308"]),
        ('m = hub.Module("h")\nm.export(path, session)', ["RH308"]),
        ("frame.export(path)", []),
        ('def apply(x):\n  m = hub.Module("h")\n  y = m(x)\n  return tf.nn.relu(y)', ["RH309"]),
        ('def apply(x):\n  return hub.Module("h")(x)', ["RH309"]),
        ('def apply(x):\n  m = hub.Module("h")\n  with tf.Session() as s:\n    return s.run(m(x))', []),
        ("words = tf.string_split(text)\nvalue = session.run(words)", ["RH310"]),
        ("words = tf.sparse_placeholder(tf.int64)\na, b = session.run([x, words])", ["RH310"]),
        ("words = tf.SparseTensor(i, v, s)\nsession.run(f(words))", []),
    ],
)  # fmt: skip
def test_what_is_written_by_hand_is_found(code, rules):
    assert rules_of(IMPORTS + code) == rules


def test_the_same_names_of_others_are_not_found():
    assert (
        rules_of("import tensorforce as tf\nimport paddlehub as hub\ntf.train.Saver()\nhub.create_module_spec()") == []
    )


def test_a_program_in_graph_mode_of_compat_is_left_alone_but_for_contrib():
    source = (
        "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\ntf.train.Saver()\ntf.contrib.layers.flatten()"
    )
    assert rules_of(source) == ["RH305"]


def test_the_advice_takes_names_from_the_program_and_comes_once():
    source = (
        'HANDLE = "modules/x"\n'
        "def model_fn(features, mode):\n  m = hub.Module(HANDLE, trainable=True)\n"
        '  y = m(features, signature="s", as_dict=True)["key"]\n  return tf.estimator.EstimatorSpec(mode)\n'
        "tf.estimator.Estimator(model_fn)"
    )
    first, second = find_hand_rules(ImportedNames(ast.parse(IMPORTS + source)))
    assert 'hub.KerasLayer("modules/x", trainable=True, signature="s", output_key="key")' in first.advice
    assert not second.advice
    assert "TensorFlow 2.15" in second.message


def test_each_name_of_contrib_says_what_takes_its_place():
    (finding,) = find_hand_rules(ImportedNames(ast.parse(IMPORTS + "tf.contrib.layers.l2_regularizer(0.1)")))
    assert "tf.keras.regularizers.L2(scale / 2)" in finding.message
