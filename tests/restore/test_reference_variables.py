"""Models of TF1 with reference variables and tables of the same names, several in one program."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="restoring needs TensorFlow")

import rehub as hub  # noqa: E402

v1 = tf.compat.v1
if tf.__version__.startswith("1."):
    v1.enable_v2_behavior()


def _export(directory, factor, words):
    """A legacy module: the place of a word among `words`, times `factor`. Its default values are not written out."""
    vocabulary = directory / f"words_{factor}.txt"
    vocabulary.write_text("\n".join(words))

    def place_times_factor():
        word = v1.placeholder(tf.string, [None])
        scale = v1.get_variable("scale", [], initializer=v1.constant_initializer(factor), use_resource=False)
        places = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = tf.lookup.StaticHashTable(places, -1)
        hub.add_signature(inputs=word, outputs=tf.cast(table.lookup(word), tf.float32) * scale)

    path = str(directory / f"module_{factor}")
    spec = hub.create_module_spec(place_times_factor)
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        module.export(path, session)
    return path


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    directory = tmp_path_factory.mktemp("modules")
    return _export(directory, 2.0, ["a", "b", "c"]), _export(directory, 10.0, ["c", "b", "a"])


def test_models_in_a_graph_have_their_own_values_after_its_initializers(modules):
    with tf.Graph().as_default(), v1.Session() as session:
        words = tf.constant(["b", "c"])
        outputs = [use(words) for path in modules for use in (hub.load(path), hub.KerasLayer(path))]
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        results = session.run(outputs)
    np.testing.assert_array_equal(results, [[2.0, 4.0], [2.0, 4.0], [10.0, 0.0], [10.0, 0.0]])


def test_models_in_eager_mode_share_no_state(modules):
    first = hub.load(modules[0])
    words = tf.constant(["b", "c"])
    np.testing.assert_array_equal(first(words), [2.0, 4.0])
    second = hub.load(modules[1])
    np.testing.assert_array_equal(second(words), [10.0, 0.0])
    np.testing.assert_array_equal(first(words), [2.0, 4.0])
