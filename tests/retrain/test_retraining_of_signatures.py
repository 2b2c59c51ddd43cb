"""Signatures and other functions of a legacy module have the gradients of the module's call."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from legacy_features import FEATURES
from saved_models import LEGACY

import rehub as hub

LINEAR = str(FEATURES / "partitioned_weights")  # x times a reference variable, and times a resource, in parts.
X = tf.constant([[1.0, -2.0, 3.0, 0.5, 0.25], [0.0, 1.0, -1.0, 2.0, 4.0]])
MODULES = sorted(path.name for path in LEGACY.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("converted") / "new")
    hub.convert(LINEAR, path)
    return path


@pytest.fixture(scope="module")
def linear():
    return hub.load(LINEAR)


@pytest.fixture(scope="module")
def callables(linear, converted):
    """Return functions of x, each with the object that has its variables."""
    model, again = tf.saved_model.load(converted), hub.load(LINEAR)
    graph = linear.graph
    return {
        "call": (linear, linear),
        "signature": (lambda x: linear.signatures["default"](x=x)["default"], linear),
        "pruned function": (linear.prune(graph.get_tensor_by_name("Placeholder:0"), "add:0"), linear),
        "layer": (hub.KerasLayer(again, trainable=True), again),
        "converted": (model, model),
        "signature of the converted": (lambda x: model.signatures["default"](x=x)["default"], model),
    }


CALLABLES = [
    "call",
    "signature",
    "pruned function",
    "layer",
    "converted",
    "signature of the converted",
]


def ordered(module):
    return sorted(module.variables, key=lambda variable: variable.name)


def in_plain_tensorflow(x, variables):
    """Compute what the module computes."""
    return tf.matmul(x, tf.concat(variables[:3], 0) + tf.concat(variables[3:], 0))


def reverse_mode(function, variables):
    with tf.GradientTape() as tape:
        tape.watch(X)
        loss = tf.reduce_sum(function(X) ** 2)
    return tape.gradient(loss, [X, *variables])


def of_persistent_tape(function, variables):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(X)
        loss = tf.reduce_sum(function(X) ** 2)
    assert tape.gradient(loss, X) is not None
    return tape.gradient(loss, [X, *variables])


def of_second_order(function, variables):
    with tf.GradientTape() as outer:
        outer.watch(X)
        first = reverse_mode(function, variables)
        loss = tf.add_n([tf.reduce_sum(gradient**2) for gradient in first])
    return outer.gradient(loss, [X, *variables])


def forward_mode(function, variables):
    primals = [X, *variables]
    with tf.autodiff.ForwardAccumulator(primals, [tf.ones_like(primal) for primal in primals]) as accumulator:
        result = function(X)
    return [accumulator.jvp(result)]


def of_symbolic_gradients(function, variables):
    return tf.function(lambda x: tf.gradients(tf.reduce_sum(function(x) ** 2), [x]), autograph=False)(X)


def in_tf_function(function, variables):
    return tf.function(lambda: reverse_mode(function, variables), autograph=False)()


def jitted(function, variables):
    return tf.function(lambda: reverse_mode(function, variables), autograph=False, jit_compile=True)()


WAYS = [
    reverse_mode,
    of_persistent_tape,
    of_second_order,
    forward_mode,
    of_symbolic_gradients,
    in_tf_function,
    jitted,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", CALLABLES)
def test_all_functions_of_a_module_have_gradients(name, way, callables):
    function, module = callables[name]
    variables = ordered(module)
    expected = way(lambda x: in_plain_tensorflow(x, variables), variables)
    for gradient, value in zip(way(function, variables), expected):
        np.testing.assert_allclose(gradient, value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["signature", "pruned function"])
def test_a_model_that_applies_a_function_of_a_module_is_fitted(name, callables):
    function, module = callables[name]
    dense = tf.keras.layers.Dense(1, kernel_initializer="ones")

    class Model(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = dense

        def call(self, x):
            return self.dense(function(x))

    model = Model()
    model.compile(tf.keras.optimizers.SGD(0.01), "mse")
    model.fit(X, np.ones([2, 1], np.float32), batch_size=2, verbose=0)
    features = in_plain_tensorflow(X, ordered(module))
    residual = tf.reduce_sum(features, 1, keepdims=True) - 1.0
    np.testing.assert_allclose(
        dense.kernel, 1.0 - 0.01 * tf.matmul(features, residual, transpose_a=True), rtol=1e-4, atol=1e-5
    )


def made_up(spec):
    """Return a tensor for a `tf.TensorSpec`, with 2 for unknown sizes."""
    shape = [2 if size is None else size for size in spec.shape]
    if spec.dtype == tf.string:
        return tf.fill(shape, "the cat")
    values = tf.random.stateless_uniform(shape, [1, 2], 0.5, 1.5)
    return values > 1.0 if spec.dtype == tf.bool else tf.cast(values, spec.dtype)


def sum_of_squares(outputs):
    flat = [
        part
        for name in sorted(outputs)
        for part in tf.nest.flatten(outputs[name], expand_composites=True)
        if part.dtype.is_floating
    ]
    return tf.add_n([tf.reduce_sum(part**2) for part in flat])


def gradients_of(function, module, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = sum_of_squares(function(inputs))
    gradients = tape.gradient(loss, [*inputs, *module.trainable_variables])
    return [None if gradient is None else tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def call_of(module, name):
    """Return the module's call as a function of the tensors that a signature takes."""
    specs = {key: info.type_spec for key, info in module.get_input_info_dict(name).items()}

    def call(keys):
        def apply(tensors):
            by_key = dict(zip(keys, tensors))
            inputs = {}
            for key, spec in specs.items():
                if isinstance(spec, tf.SparseTensorSpec):
                    parts = ("indices", "values", "dense_shape")
                    inputs[key] = tf.SparseTensor(*(by_key[f"{key}_{part}"] for part in parts))
                elif isinstance(spec, tf.RaggedTensorSpec):
                    parts = [by_key[f"{key}_component_{index}"] for index in range(2)]
                    inputs[key] = tf.nest.pack_sequence_as(spec, parts, expand_composites=True)
                else:
                    inputs[key] = by_key[key]
            return module(inputs or None, signature=name, as_dict=True)

        return apply

    return call


GIVEN = {  # What made_up cannot give: tensors that have to fit each other.
    "weights_indices": tf.constant([[0, 0], [1, 1]], tf.int64),
    "weights_dense_shape": tf.constant([2, 20], tf.int64),
    "ids_component_0": tf.constant([1, 2, 1], tf.int64),
    "ids_component_1": tf.constant([0, 2, 3], tf.int64),
}


@pytest.mark.parametrize("name", MODULES)
def test_signatures_have_the_gradients_of_the_call(name):
    module = hub.load(str(LEGACY / name))
    for signature in set(module.signatures) - {"with_dropout"}:
        function = module.signatures[signature]
        specs = function.structured_input_signature[1]
        inputs = [GIVEN[key] if key in GIVEN else made_up(spec) for key, spec in specs.items()]

        def by_keyword(tensors, function=function, keys=tuple(specs)):
            return function(**dict(zip(keys, tensors)))

        expected = gradients_of(call_of(module, signature)(list(specs)), module, inputs)
        for gradient, value in zip(gradients_of(by_keyword, module, inputs), expected):
            assert (gradient is None) == (value is None)
            if value is not None:
                np.testing.assert_allclose(gradient, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_signatures_describe_themselves_as_those_of_tensorflows_loader_do(name):
    ours, its = hub.load(str(LEGACY / name)).signatures, tf.saved_model.load(str(LEGACY / name), tags=[]).signatures
    assert sorted(ours) == sorted(its)
    for signature, expected in its.items():
        function = ours[signature]
        assert function.structured_input_signature == expected.structured_input_signature
        assert function.output_dtypes == expected.output_dtypes
        for shape, known in zip(_flat(function.output_shapes), _flat(expected.output_shapes)):
            assert shape == known or known.rank is None
        assert sorted(function.structured_outputs) == sorted(expected.structured_outputs)
        for output, value in expected.structured_outputs.items():
            assert type(function.structured_outputs[output]) is type(value)


def _flat(shapes):
    """Return the shapes of outputs, or of their components."""
    return [
        shape
        for name in sorted(shapes)
        for shape in (shapes[name] if isinstance(shapes[name], list) else [shapes[name]])
    ]
