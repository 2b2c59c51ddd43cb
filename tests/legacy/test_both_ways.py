"""Modules that rehub wrote in tensorflow_hub 0.12, and the reverse: loaded and fine-tuned."""

from __future__ import annotations

import importlib

import module_fns
import numpy as np
import pytest
from saved_models import IS_TF1, LEGACY, tf

import rehub

pytestmark = pytest.mark.peers
v1 = tf.compat.v1

if not IS_TF1:
    pytest.skip(
        "tensorflow_hub 0.12, the last with hub.Module that runs on it, needs TensorFlow 1.15", allow_module_level=True
    )
tensorflow_hub = pytest.importorskip("tensorflow_hub", reason="tensorflow_hub is not installed here")


@pytest.fixture(params=["tensorflow_hub", "rehub"])
def writer(request, monkeypatch):
    hub = importlib.import_module(request.param)
    monkeypatch.setattr(module_fns, "hub", hub)
    return hub


@pytest.fixture
def reader(writer):
    return rehub if writer is tensorflow_hub else tensorflow_hub


def tuned(hub, spec, tags):
    """Return the losses of five steps, and the module."""
    module = hub.Module(spec, trainable=True, tags=tags)
    outputs = module([[1.0, 2.0], [3.0, 4.0]])
    loss = tf.reduce_sum(tf.square(outputs - 1.0)) + v1.losses.get_regularization_loss()
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        step = v1.train.GradientDescentOptimizer(0.01).minimize(loss)
    session = v1.Session()
    session.run([v1.global_variables_initializer(), v1.tables_initializer()])
    return [session.run([loss, step])[0] for _ in range(5)], module, session


def test_modules_of_one_library_are_fine_tuned_equally_by_the_other(writer, reader, tmp_path):
    spec = writer.create_module_spec(module_fns.regularized, [({"train"}, {"is_training": True}), (set(), {})])
    with tf.Graph().as_default():
        losses, module, session = tuned(writer, spec, {"train"})
        module.export(str(tmp_path / "module"), session)
        value = session.run(module.variable_map)
    runs = []
    for hub in (writer, reader):
        with tf.Graph().as_default():
            more, module, session = tuned(hub, str(tmp_path / "module"), {"train"})
            runs.append((more, session.run(module.variable_map)))
            module.export(str(tmp_path / hub.__name__), session)
    assert losses[0] > losses[-1] > runs[0][0][-1]
    np.testing.assert_array_equal(runs[0][0], runs[1][0])
    assert sorted(value) == sorted(runs[1][1]) == ["mean", "w"]
    np.testing.assert_array_equal(runs[0][1]["w"], runs[1][1]["w"])
    values = []
    for hub, exporter in ((rehub, tensorflow_hub), (tensorflow_hub, rehub)):
        with hub.eval_function_for_module(str(tmp_path / exporter.__name__)) as apply:
            values.append(apply([[1.0, 2.0]]))
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("module_fn", [module_fns.partitioned, module_fns.squares, module_fns.power_by_while])
def test_both_libraries_read_the_same_signatures(writer, reader, module_fn, tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        module = writer.Module(writer.create_module_spec(module_fn))
        session.run(v1.global_variables_initializer())
        module.export(str(tmp_path / "module"), session)
        variables = sorted(module.variable_map)
    spec = reader.load_module_spec(str(tmp_path / "module"))
    with tf.Graph().as_default():
        loaded = reader.Module(spec)
        assert sorted(loaded.variable_map) == variables
        assert sorted(loaded.get_signature_names()) == sorted(module.get_signature_names())
        for name in loaded.get_signature_names():
            for info in ("get_input_info_dict", "get_output_info_dict"):
                read, written = getattr(loaded, info)(name), getattr(module, info)(name)
                assert {key: repr(value) for key, value in read.items()} == {
                    key: repr(value) for key, value in written.items()
                }


def test_both_libraries_read_the_same_tables_and_assets(writer, reader, tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\n")
    with tf.Graph().as_default(), v1.Session() as session:
        module = writer.Module(writer.create_module_spec(module_fns.word_index(vocabulary)))
        module.export(str(tmp_path / "module"), session)
    vocabulary.unlink()
    with reader.eval_function_for_module(str(tmp_path / "module")) as find:
        assert find(["b", "c"]).tolist() == [1, -1]


def test_both_libraries_read_the_same_image_size():
    for hub in (rehub, tensorflow_hub):
        spec = hub.load_module_spec(str(LEGACY / "conv_bn"))
        assert hub.get_expected_image_size(spec) == [16, 16]
        assert hub.get_num_image_channels(spec) == 3
