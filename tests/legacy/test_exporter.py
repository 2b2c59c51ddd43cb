"""hub.LatestModuleExporter writes the modules of an Estimator's model."""

from __future__ import annotations

import os

import pytest
from saved_models import tf

import rehub as hub

v1 = tf.compat.v1

needs_estimator = pytest.mark.skipif(
    not hasattr(v1, "estimator"), reason="TensorFlow 2.16 and newer come without Estimator"
)


def scaled():
    x = v1.placeholder(tf.float32, [None])
    hub.add_signature(inputs=x, outputs=x * v1.get_variable("w", initializer=3.0))


def model_fn(features, labels, mode):
    module = hub.Module(hub.create_module_spec(scaled), trainable=True)
    hub.register_module_for_export(module, "scale")
    outputs = module(features["x"])
    loss = tf.reduce_sum(tf.square(outputs - 6.0))
    step = v1.train.GradientDescentOptimizer(0.25).minimize(loss, v1.train.get_global_step())
    return v1.estimator.EstimatorSpec(mode, predictions=outputs, loss=loss, train_op=step)


def input_fn():
    return {"x": tf.constant([1.0])}, tf.constant([6.0])


def serving_input_fn():
    x = v1.placeholder(tf.float32, [None])
    return v1.estimator.export.ServingInputReceiver({"x": x}, x)


@needs_estimator
def test_modules_are_exported_with_trained_weights(tmp_path):
    estimator = v1.estimator.Estimator(model_fn, str(tmp_path / "model"))
    train = v1.estimator.TrainSpec(input_fn, max_steps=20)
    exporter = hub.LatestModuleExporter("modules", serving_input_fn)
    v1.estimator.train_and_evaluate(estimator, train, v1.estimator.EvalSpec(input_fn, steps=1, exporters=[exporter]))
    exports = tmp_path / "model" / "export" / "modules"
    (export,) = os.listdir(exports)
    assert export.isdigit()
    with hub.eval_function_for_module(str(exports / export / "scale")) as scale:
        assert scale([1.0])[0] == pytest.approx(6.0, rel=1e-4)


@needs_estimator
def test_the_latest_exports_are_kept(tmp_path):
    estimator = v1.estimator.Estimator(model_fn, str(tmp_path / "model"))
    estimator.train(input_fn, steps=1)
    exporter = hub.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=1)
    first = exporter.export(estimator, str(tmp_path / "exports"))
    second = exporter.export(estimator, str(tmp_path / "exports"), estimator.latest_checkpoint())
    assert [os.path.join(str(tmp_path / "exports"), name) for name in os.listdir(tmp_path / "exports")] == [second]
    assert int(os.path.basename(second)) > int(os.path.basename(first))


@needs_estimator
def test_nothing_is_written_without_registered_modules(tmp_path, caplog):
    def bare_model_fn(features, labels, mode):
        w = v1.get_variable("w", initializer=1.0)
        step = v1.assign_add(v1.train.get_global_step(), 1)
        return v1.estimator.EstimatorSpec(mode, predictions=features["x"] * w, loss=w, train_op=step)

    estimator = v1.estimator.Estimator(bare_model_fn, str(tmp_path / "model"))
    estimator.train(input_fn, steps=1)
    exporter = hub.LatestModuleExporter("modules", serving_input_fn)
    assert exporter.export(estimator, str(tmp_path / "exports"), estimator.latest_checkpoint()) is None
    assert "found no module to export" in caplog.text
    assert not (tmp_path / "exports").exists()


def test_modules_of_a_graph_need_different_export_names():
    spec = hub.create_module_spec(scaled)
    with tf.Graph().as_default():
        hub.register_module_for_export(hub.Module(spec), "scale")
        with pytest.raises(ValueError, match="already a module registered to be exported as 'scale'"):
            hub.register_module_for_export(hub.Module(spec), "scale")


def test_at_least_one_export_is_kept():
    assert hub.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=None).name == "modules"
    with pytest.raises(ValueError, match="must be a positive number"):
        hub.LatestModuleExporter("modules", serving_input_fn, exports_to_keep=0)
