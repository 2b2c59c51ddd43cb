"""Legacy modules trained in TF2 have the losses and weights of hub.Module in TensorFlow 1.15 at each step."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import tensorflow as tf
from module_fns import export_module
from retraining import Retraining, assert_outputs, assert_values_are_final, parts_by_name, tensors
from saved_models import LEGACY, PUBLISHED, rename_op
from trajectories import with_each_trajectory

import rehub as hub
from rehub.errors import NotTrainable


@pytest.mark.parametrize("in_function", [False, True], ids=["eagerly", "in tf.function"])
@with_each_trajectory()
def test_losses_variables_and_outputs_of_20_steps_are_those_of_tf_1_15_in_tf2(trajectory, in_function):
    module = hub.load(trajectory.path)
    assert len(module.regularization_losses) == trajectory.recipe["n_regularization_losses"]
    losses = Retraining(trajectory, module).run(in_function)
    np.testing.assert_allclose(losses, trajectory.recorded["losses"], rtol=0, atol=trajectory.tolerance)
    assert_values_are_final(trajectory, parts_by_name(module))
    assert_outputs(trajectory, module, "after", trajectory.tolerance)


@with_each_trajectory()
def test_outputs_before_training_are_those_of_tf_1_15_in_tf2(trajectory):
    assert_outputs(trajectory, hub.load(trajectory.path), "before", 1e-5)


@with_each_trajectory()
def test_signatures_see_what_was_trained(trajectory):
    module = hub.load(trajectory.path)
    Retraining(trajectory, module).run(in_function=True)
    arrays = tensors(trajectory.inputs("eval"))
    for signature, feeds in trajectory.recipe["infer"]:
        inputs = {name: arrays[key] for name, key in feeds.items()}
        if all(isinstance(value, tf.Tensor) for value in inputs.values()):
            for name, output in module.signatures[signature](**inputs).items():
                expected = module(inputs, signature=signature, as_dict=True)[name]
                np.testing.assert_array_equal(_dense(output), _dense(expected))


def _dense(tensor):
    return (tf.sparse.to_dense(tensor) if isinstance(tensor, tf.SparseTensor) else tensor).numpy()


def test_training_uses_the_train_variant_and_its_update_ops():
    module = hub.load(str(LEGACY / "conv_bn"))
    images = tf.random.stateless_uniform([4, *_image_size(module)], seed=[1, 2])
    moving = [variable for variable in module.variables if "moving" in variable.name]
    before = [variable.numpy() for variable in moving]
    inference = module(images)
    frozen = module(images, training=True, update_ops=False)
    assert all((variable.numpy() == value).all() for variable, value in zip(moving, before))
    assert not np.allclose(frozen, inference)  # It normalizes by the batch, and leaves the statistics alone.
    np.testing.assert_allclose(module(images, training=True), frozen, rtol=1e-6, atol=1e-6)
    assert all((variable.numpy() != value).any() for variable, value in zip(moving, before))


def _image_size(module):
    return [*hub.get_expected_image_size(module), hub.get_num_image_channels(module)]


def test_a_module_is_loaded_while_a_function_is_traced():
    path = str(LEGACY / "text_embed")
    words = tf.constant(["the cat"])

    @tf.function
    def embed(words):
        return hub.load(path)(words)

    for _ in range(2):
        np.testing.assert_array_equal(embed(words), hub.load(path)(words))


def test_functions_keep_what_they_need_alive():
    words = tf.constant(["the cat"])
    expected = hub.load(str(LEGACY / "text_embed"))(words)
    signature = hub.load(str(LEGACY / "text_embed")).signatures["default"]
    loss = hub.load(str(LEGACY / "conv_bn")).regularization_losses[0]
    gc.collect()
    np.testing.assert_array_equal(signature(words)["default"], expected)
    assert float(loss()) > 0


def test_a_loaded_module_is_saved_again_with_its_signatures(tmp_path):
    module = hub.load(str(LEGACY / "text_embed"))
    tf.saved_model.save(module, str(tmp_path / "again"), signatures=module.signatures)
    words = tf.constant(["the cat"])
    restored = tf.saved_model.load(str(tmp_path / "again"))
    np.testing.assert_array_equal(restored.signatures["default"](words)["default"], module(words))


def test_the_variant_chosen_by_tags_is_used_in_both_modes():
    images = tf.random.stateless_uniform([2, *_image_size(hub.load(str(LEGACY / "conv_bn")))], seed=[1, 2])
    train = hub.load(str(LEGACY / "conv_bn"), tags={"train"})
    moving = {variable.name: variable.numpy() for variable in train.variables if "moving" in variable.name}
    by_batch = train(images)
    np.testing.assert_allclose(train(images, training=True, update_ops=False), by_batch, rtol=1e-6, atol=1e-6)
    assert all(
        (variable.numpy() == moving[variable.name]).all() for variable in train.variables if "moving" in variable.name
    )
    inference = hub.load(str(LEGACY / "conv_bn"), tags=[])
    np.testing.assert_array_equal(inference(images, training=True), inference(images))


def test_the_mode_can_be_a_tensor():
    module = hub.load(str(LEGACY / "conv_bn"))
    images = tf.random.stateless_uniform([2, *_image_size(module)], seed=[1, 2])
    call = tf.function(lambda training: module(images, training=training, update_ops=False))
    np.testing.assert_array_equal(call(tf.constant(False)), module(images))
    np.testing.assert_array_equal(call(tf.constant(True)), module(images, training=True, update_ops=False))


def test_the_parts_of_a_partitioned_variable_are_under_its_name():
    module = hub.load(str(LEGACY / "text_embed_part"))
    (name,) = [name for name, value in module.variable_map.items() if isinstance(value, list)]
    assert len(module.variable_map[name]) == len(module.variables) == 3
    assert [variable.name for variable in module.variable_map[name]] == [f"{name}/part_{part}:0" for part in range(3)]


def test_a_published_module_of_eleven_inputs_is_fine_tuned():
    dm21 = PUBLISHED / "dm21"
    if not dm21.is_dir():
        pytest.skip(f"the published models are not at {PUBLISHED}")
    module = hub.load(str(dm21))
    assert len(module.regularization_losses) == 12
    inputs = {}
    for name, info in module.get_input_info_dict().items():
        shape = [2 if size is None else size for size in info.get_shape()]
        inputs[name] = tf.random.stateless_uniform(shape, seed=[1, 2], dtype=info.dtype) + 0.1
    before = [variable.numpy() for variable in module.trainable_variables]
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            outputs = module(inputs, training=True, as_dict=True)
            loss = tf.add_n([tf.reduce_sum(output**2) for output in outputs.values()])
        gradients = tape.gradient(loss, module.trainable_variables)
        for variable, gradient in zip(module.trainable_variables, gradients):
            variable.assign_sub(1e-4 * gradient)
        losses.append(float(loss))
    assert losses[0] > losses[1] > losses[2]
    assert all((variable.numpy() != value).any() for variable, value in zip(module.trainable_variables, before))


@with_each_trajectory()
def test_gradients_of_the_first_step_are_those_of_tf_1_15(trajectory):
    retraining = Retraining(trajectory, hub.load(trajectory.path))
    inputs = tensors(trajectory.inputs("steps", 0))
    floats = {key: value for key, value in inputs.items() if isinstance(value, tf.Tensor) and value.dtype.is_floating}
    variables = parts_by_name(retraining.module)
    with tf.GradientTape() as tape:
        tape.watch(floats)
        loss = retraining.loss({**inputs, **floats}, tf.constant(trajectory.data["labels"][0]))
    of_variables, of_inputs = tape.gradient(loss, [variables, floats])
    compared = 0
    for prefix, gradients in (("grad0/", of_variables), ("grad0_input/", of_inputs)):
        for name, gradient in gradients.items():
            if prefix + name in trajectory.recorded:
                recorded = trajectory.recorded[prefix + name]
                np.testing.assert_allclose(tf.convert_to_tensor(gradient), recorded, rtol=1e-4, atol=1e-5, err_msg=name)
                compared += 1
    assert compared


def test_a_pruned_function_returns_inner_tensors_with_trained_weights():
    module = hub.load(str(LEGACY / "text_embed"))
    (placeholder,) = [op.outputs[0] for op in module.graph.get_operations() if op.type == "Placeholder"]
    table = next(op.name for op in module.graph.get_operations() if op.type == "VarHandleOp")
    embeddings = module.prune([], {"embeddings": f"{table}/Read/ReadVariableOp:0"})
    (variable,) = module.variables
    variable.assign_add(tf.ones_like(variable))
    np.testing.assert_array_equal(embeddings()["embeddings"], variable)
    lengths = module.prune(placeholder, [placeholder.name])
    assert lengths(tf.constant([b"the cat"]))[0].numpy().tolist() == [b"the cat"]


def test_a_missing_op_of_the_training_variant_does_not_affect_inference(tmp_path):
    def module_fn(is_training=False):
        texts = tf.compat.v1.placeholder(tf.string, [None])
        if is_training:
            texts = tf.raw_ops.RegexReplace(input=texts, pattern="a", rewrite="b")
        hub.add_signature(inputs=texts, outputs=tf.strings.length(texts))

    path = export_module(module_fn, tmp_path / "module", [(set(), {}), ({"train"}, {"is_training": True})])
    rename_op(path, "RegexReplbce")
    module = hub.load(path)
    assert module(["abc"]).numpy().tolist() == [3]
    with pytest.raises(NotTrainable, match="for training has an op that is missing: .*RegexReplbce"):
        module(["abc"], training=True)


def test_the_error_names_the_ops_that_prevent_training(tmp_path):
    def queue_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        queue = tf.queue.FIFOQueue(10, [tf.float32], [[]])
        with tf.control_dependencies([queue.enqueue_many([x])]):
            hub.add_signature(inputs=x, outputs=queue.dequeue() * tf.compat.v1.get_variable("w", []))

    path = export_module(queue_fn, tmp_path / "queue")
    with pytest.raises(NotTrainable, match=r"'default' cannot be trained.*'fifo_queue' \(FIFOQueueV2\)"):
        hub.load(path)([1.0], training=True)
