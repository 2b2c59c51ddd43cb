"""Models of every kind that can be made here, or are at hand: what `hub.inspect` tells is compared over them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import module_fns
import saved_models
from legacy_features import FEATURES
from model_cache import saved_once
from saved_models import tf

import rehub as hub

v1 = tf.compat.v1

HAS_KERAS_3 = importlib.util.find_spec("keras") is not None and not saved_models.IS_TF1 and tf.__version__ > "2.16"

# Of the modules with one feature of TF1 each, those whose signatures, variables or ops are of a kind of their own.
_FEATURES = (
    "contrib_batch_norm",
    "defun",
    "no_inputs",
    "partitioned_embeddings",
    "partitioned_weights",
    "ragged_tensors",
    "sparse_tensors",
    "strings",
    "tables",
    "variables_of_other_types",
    "while_nested",
)


def build(root: Path) -> dict[str, str]:
    """Returns the directories of the models by name; makes those that are made here, below `root`."""
    found = {f"legacy/{path.name}": str(path) for path in saved_models.LEGACY.iterdir() if path.is_dir()}
    found.update({f"feature/{name}": str(FEATURES / name) for name in _FEATURES})
    if saved_models.PUBLISHED.is_dir():
        published = (path for path in saved_models.PUBLISHED.iterdir() if path.is_dir())
        found.update({f"published/{path.name}": str(path) for path in published})
    for name, save in _savers().items():
        path = root / name.replace("/", "_")
        save(str(path))
        found[name] = str(path)
    return found


def _savers():
    savers = {
        "shift": saved_models.save_shift,
        "lookup": saved_models.save_lookup,
        "v1": saved_models.save_v1,
        "v1 of two variants": lambda path: saved_models.save_v1(path, [["serve"], ["serve", "gpu"]]),
        "module/partitioned": lambda path: _export(module_fns.partitioned, path),
        "module/regularized": lambda path: _export(
            module_fns.regularized, path, [({}, {}), ({"train"}, {"is_training": True})]
        ),
        "module/two_in_two_out": lambda path: _export(module_fns.two_in_two_out, path),
        "odd names": save_odd_names,
    }
    if saved_models.IS_TF1:
        return {**savers, "keras": save_keras_2}
    import equality_models

    savers.update({f"object/{name}": save for name, save in equality_models.MODELS.items() if name != "many_functions"})
    savers["nests"] = save_nests
    if HAS_KERAS_3:
        savers["keras 3 export"] = save_keras_3
    if equality_models.HAS_KERAS_2:
        savers["keras 2"] = save_keras_2
        savers["keras 2 export"] = save_keras_2_export
    if hasattr(tf, "estimator") and equality_models.IS_215:
        savers["estimator"] = save_estimator
    return savers


def _export(module_fn, path, tags_and_args=None):
    """A legacy module with the initial values of its variables."""
    spec = hub.create_module_spec(
        module_fn, [(set(tags), args) for tags, args in tags_and_args] if tags_and_args else None
    )
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec, tags=spec.get_tags()[-1])
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        module.export(path, session)


@saved_once
def save_odd_names(path):
    """A TF1 SavedModel without a default signature, whose inputs have names that are no identifiers."""
    with tf.Graph().as_default(), v1.Session() as session:
        a, b = v1.placeholder(tf.float32, [None, 2]), v1.placeholder(tf.int64, [])
        w = v1.get_variable("w", initializer=[1.0, 2.0], use_resource=False)
        session.run(v1.global_variables_initializer())
        scale = v1.saved_model.predict_signature_def({"the-image": a, "kind": b}, {"scaled": a * w, "same": b + 0})
        count = v1.saved_model.predict_signature_def({"of": b}, {"default": b + 1})
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(session, ["serve"], {"scale": scale, "count": count})
        builder.save()


@saved_once
def save_nests(path):
    """A function of nests of dense, sparse and ragged tensors, with other arguments, and one that needs a keyword."""
    model = tf.Module()
    model.w = {"w": tf.Variable([1.0, 2.0])}

    @tf.function
    def call(inputs, sparse, factor=1.0, *, training=False):
        scaled = inputs["x"] * model.w["w"] * factor
        return (scaled * 2.0 if training else scaled), {
            "n": tf.reduce_sum(inputs["rows"], 1),
            "s": tf.sparse.reduce_sum(sparse),
        }

    inputs = {"x": tf.TensorSpec([None, 2], tf.float32), "rows": tf.RaggedTensorSpec([None, None], tf.int64)}
    for training in (True, False):
        call.get_concrete_function(inputs, tf.SparseTensorSpec([None, 3], tf.float32), training=training)
    call.get_concrete_function(inputs, tf.SparseTensorSpec([None, 3], tf.float32), 2.0, training=False)
    model.encode = call
    tf.saved_model.save(model, path)


@saved_once
def save_keras_3(path):
    """A Keras 3 model of two inputs by name, as `export` writes it."""
    import keras

    a, b = keras.Input((4,), name="a"), keras.Input((5,), name="b")
    keras.Model({"a": a, "b": b}, keras.layers.Dense(2)(keras.layers.Concatenate()([a, b]))).export(path, verbose=False)


def _keras_2():
    if tf.__version__.startswith(("1.", "2.15")):
        return tf.keras
    import tf_keras

    return tf_keras


@saved_once
def save_keras_2(path):
    """A Keras 2 model of two inputs, as `save` writes it."""
    keras = _keras_2()
    a, b = keras.layers.Input((4,), name="a"), keras.layers.Input((5,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    model = keras.Model([a, b], keras.layers.Dense(2, kernel_regularizer="l2")(joined))
    model.save(path, save_format="tf")


@saved_once
def save_keras_2_export(path):
    """A Keras 2 model, as `export` writes it."""
    keras = _keras_2()
    keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)]).export(path)


@saved_once
def save_estimator(path):
    """A linear classifier, as `export_saved_model` writes it."""
    estimator = tf.estimator.LinearClassifier([tf.feature_column.numeric_column("x")], model_dir=path + ".training")
    estimator.train(lambda: tf.data.Dataset.from_tensors(({"x": [[0.0], [1.0]]}, [[0], [1]])), steps=1)
    with tf.Graph().as_default():
        features = {"x": v1.placeholder(tf.float32, [None, 1])}
        receiver = tf.estimator.export.build_raw_serving_input_receiver_fn(features)
    written = estimator.export_saved_model(path + ".versions", receiver)
    Path(written.decode()).rename(path)
