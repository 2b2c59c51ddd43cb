"""TensorFlow 1.15 loads the signatures that a session of it can run; `data/refused` has a session's results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub

REFUSED = Path(__file__).parents[1] / "data" / "refused"
RESULTS = json.loads((REFUSED / "results.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(not saved_models.IS_TF1, reason="newer versions trace these models again")


@pytest.mark.parametrize("name", ["fed_twice", "references", "no_shapes", "metrics"])
def test_signatures_of_sessions_can_be_called(name):
    recorded = RESULTS[name]["serving_default"]
    with tf.Graph().as_default():
        model = hub.load(str(REFUSED / name))
        inputs = {key: tf.constant(value) for key, value in recorded["inputs"].items()}
        outputs = model(inputs, as_dict=True)
        with tf.compat.v1.Session() as session:
            session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
            computed = session.run(outputs)
    assert sorted(computed) == sorted(recorded["outputs"])
    for key, expected in recorded["outputs"].items():
        np.testing.assert_allclose(computed[key], expected, rtol=1e-5, err_msg=key)
