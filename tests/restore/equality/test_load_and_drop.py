"""Models that are loaded and dropped leave nothing behind: no memory, no function in the runtime."""

from __future__ import annotations

import json
import sys

import pytest
import saved_models
import tensorflow as tf
from forked_programs import run_forked

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader")

LOAD_AND_DROP = """
import gc, json, sys
import tensorflow as tf
from tensorflow.python.eager import context
import rehub as hub

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

found = []
for turn in range(200):
    model = hub.load(sys.argv[1], loader="lazy")
    model(tf.ones([4]))
    model.signatures["serving_default"](tf.ones([4]))
    if turn % 10 == 0:
        with tf.GradientTape() as tape:
            y = model(tf.ones([4]))
        assert tape.gradient(y, model.v) is not None
        del tape, y
    del model
    if turn in (49, 199):
        gc.collect()
        found.append((resident(), len(context.context().list_function_names())))
print(json.dumps(found))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_two_hundred_dropped_models_leave_nothing(tmp_path):
    model = tf.Module()
    model.v = tf.Variable(tf.ones([1 << 18, 4]))  # 4 MiB: 150 of them would be seen.
    inner = tf.function(lambda x: tf.reduce_sum(model.v, 0) * x)
    model.__call__ = tf.function(lambda x: inner(x) + 1.0, [tf.TensorSpec([4], tf.float32)])
    tf.saved_model.save(model, str(tmp_path), model.__call__)
    printed = run_forked(LOAD_AND_DROP, tmp_path)
    (bytes_before, functions_before), (bytes_after, functions_after) = json.loads(printed.splitlines()[-1])
    assert functions_after == functions_before
    assert bytes_after - bytes_before < 40 << 20
