"""hub.Module fine-tunes the modules of `data/legacy_features` as tensorflow_hub 0.12 did on TensorFlow 1.15."""

from __future__ import annotations

import numpy as np
import pytest
from legacy_features import FEATURES, RATE, compute_loss, make_placeholders
from saved_models import IS_TF1, tf

import rehub as hub

v1 = tf.compat.v1


def trained_features():
    for path in sorted(FEATURES.glob("*.npz")):
        with np.load(str(path)) as recorded:
            if "losses" in recorded:
                yield pytest.param(path.stem, marks=FAILS_IN_TF2 if path.stem == "functional_control_flow" else ())


# hub.load trains it.
FAILS_IN_TF2 = pytest.mark.xfail(
    not IS_TF1, raises=ValueError, reason="TensorFlow 2 does not know variables in functional loops that are imported"
)


@pytest.mark.parametrize("name", list(trained_features()))
@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices:UserWarning")
def test_a_feature_is_fine_tuned_as_by_tensorflow_hub(name):
    with np.load(str(FEATURES / f"{name}.npz")) as file:
        recorded = dict(file)
    arrays = {key[len("inputs/") :]: value for key, value in recorded.items() if key.startswith("inputs/")}
    path = str(FEATURES / name)
    tags = {"train"} if {"train"} in hub.load_module_spec(path).get_tags() else None
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(path, trainable=True, tags=tags, name="module")
        fed, inputs = make_placeholders(arrays)
        loss = tf.add_n([compute_loss(module(inputs, as_dict=True)), *v1.losses.get_regularization_losses()])
        trained = v1.trainable_variables()
        pairs = [(grad, var) for grad, var in zip(tf.gradients(loss, trained), trained) if grad is not None]
        computed = [getattr(gradient, "values", gradient) for gradient, _ in pairs]
        with tf.control_dependencies([loss, *computed, *v1.get_collection(v1.GraphKeys.UPDATE_OPS)]):
            step = v1.train.GradientDescentOptimizer(RATE).apply_gradients(pairs) if pairs else tf.no_op()
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        losses = [
            session.run([loss, step], {fed[key]: array[number] for key, array in arrays.items()})[0]
            for number in range(len(recorded["losses"]))
        ]
    np.testing.assert_allclose(losses, recorded["losses"], rtol=1e-5, atol=1e-5)
