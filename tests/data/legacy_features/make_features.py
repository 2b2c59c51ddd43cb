"""Make the modules of this directory, and record how TF 1.15 trains them. Run by TF 1.15 and tensorflow_hub 0.12.0:

python make_features.py [FEATURE ...]
"""

from __future__ import annotations

import importlib
import pathlib
import shutil
import sys
import zlib

import feature as features
import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 5

sys.path.append(str(HERE.parents[1]))
from legacy_features import RATE, compute_loss, flat_values, make_placeholders  # noqa: E402

for topic in ("conditionals", "loops", "recurrent", "states", "lookups", "calls", "graphs"):
    importlib.import_module(topic)


def make(feature, path):
    """Write the module."""
    variants = [(set(), {})]
    if feature.has_train_variant:
        variants = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]

    def module_fn(**mode):
        # tensorflow_hub asks for resource variables; a feature asks for them where it is to have them.
        with tf.variable_scope(tf.get_variable_scope(), use_resource=False):
            feature.module_fn(**mode)

    spec = hub.create_module_spec(module_fn, variants, drop_collections=feature.drop_collections)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        module = hub.Module(spec, name="module")
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        module.export(str(path), session)


def draw(feature, seed):
    """Return the inputs of all steps, and of the inference after them."""
    rng = np.random.RandomState(seed)
    return {name: np.stack([draw(rng) for _ in range(STEPS + 1)]) for name, draw in feature.draws.items()}


def by_name(variables):
    """Return variables, or parts of them, by their names in the module."""
    return {variable.op.name[len("module/") :]: variable for variable in variables}


def train(path, tags, arrays, recorded):
    """Train the module; record the losses, the variables, and the gradients of inputs in the first step."""
    with tf.Graph().as_default(), tf.Session() as session:
        module = hub.Module(str(path), trainable=True, tags=tags, name="module")
        fed, inputs = make_placeholders(arrays)
        outputs = module(inputs, as_dict=True)
        loss = compute_loss(outputs)
        penalties = tf.losses.get_regularization_losses()
        loss = tf.add_n([loss, *penalties])
        trained = tf.trainable_variables()
        pairs = [(grad, var) for grad, var in zip(tf.gradients(loss, trained), trained) if grad is not None]
        gradients = [getattr(gradient, "values", gradient) for gradient, _ in pairs]
        floats = [key for key in sorted(fed) if fed[key].dtype.is_floating]
        of_inputs = zip(floats, tf.gradients(loss, [fed[key] for key in floats]) if floats else ())
        of_inputs = {key: tf.zeros([]) if gradient is None else gradient + 0.0 for key, gradient in of_inputs}
        with tf.control_dependencies(
            [loss, *gradients, *of_inputs.values(), *tf.get_collection(tf.GraphKeys.UPDATE_OPS)]
        ):
            step = tf.train.GradientDescentOptimizer(RATE).apply_gradients(pairs) if pairs else tf.no_op()
        variables = by_name(tf.global_variables("module/"))
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        losses = []
        for number in range(STEPS):
            feeds = {fed[key]: arrays[key][number] for key in arrays}
            ops = [step, [flat_values(value).op for value in outputs.values()]]
            loss_now, of_inputs_now, _ = session.run([loss, of_inputs, ops], feeds)
            losses.append(loss_now)
            if number == 0:
                recorded.update(("input_gradients/" + key, value) for key, value in of_inputs_now.items())
        recorded["losses"] = np.array(losses)
        recorded["penalties"] = np.array(session.run(penalties))
        recorded.update(("final/" + name, value) for name, value in session.run(variables).items())


def infer(path, arrays, recorded):
    """Record the outputs of the variant for inference, with the variables as they are after training."""
    with tf.Graph().as_default(), tf.Session() as session:
        module = hub.Module(str(path), name="module")
        fed, inputs = make_placeholders(arrays)
        outputs = module(inputs, as_dict=True)
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        for name, variable in by_name(tf.global_variables("module/")).items():
            if "final/" + name in recorded:
                session.run(tf.assign(variable, recorded["final/" + name]).op)
        outputs = {name: flat_values(value) for name, value in outputs.items()}
        results = session.run(outputs, {fed[key]: arrays[key][STEPS] for key in arrays})
        recorded.update(("after/" + name, value) for name, value in results.items())


def main(names):
    """Make some modules, or all."""
    for name in names or sorted(features.FEATURES):
        print(name, flush=True)  # noqa: T201
        feature = features.FEATURES[name]
        path = HERE / name
        shutil.rmtree(str(path), ignore_errors=True)
        make(feature, path)
        arrays = draw(feature, zlib.crc32(name.encode()))
        recorded = {"inputs/" + key: np.array(array) for key, array in arrays.items()}
        if feature.is_trained:
            train(path, {"train"} if feature.has_train_variant else None, arrays, recorded)
        infer(path, arrays, recorded)
        recorded = {key: value.astype("S") if value.dtype.kind == "O" else value for key, value in recorded.items()}
        np.savez_compressed(str(HERE / (name + ".npz")), **recorded)


if __name__ == "__main__":
    main(sys.argv[1:])
