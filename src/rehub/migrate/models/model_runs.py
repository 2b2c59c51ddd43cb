"""Run the signatures of a model of TF1 and of its conversion, each as a program of its time would."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any, Dict, Iterable

import numpy as np

from rehub import restore, tf_internals
from rehub.legacy.assets import find_asset_paths
from rehub.legacy.gradient_overrides import use_control_flow_v1
from rehub.legacy.tensor_info import components
from rehub.retrain.module_graph import ModuleGraph

# What TensorFlow raises if it cannot build a gradient.
NO_GRADIENT_ERRORS = (AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)

# Arrays by name: "outputs", "gradients" of the mean of their squares, and "updated variables" after the call.
SignatureResults = Dict[str, Dict[str, Any]]


def summarize_error(error: Exception) -> str:
    """Return the last line of an error's message, without TensorFlow's stack of nodes."""
    message = getattr(error, "message", str(error)).partition("\n\t [[")[0]
    return str(message.strip().splitlines()[-1])


class OriginalModel:
    """A graph variant of a model of TF1, in a session.

    Attributes:
        training: whether it is run in training mode.
        mode: the name of the mode.
        initial: the values of the variables by name.
        why_no_gradients: why the last call of `run_signature` has no gradients; "" if it has.
    """

    def __init__(self, path: str, graph: ModuleGraph, training: bool) -> None:
        self.training = training
        self.mode = "training" if training else "inference"
        self.why_no_gradients = ""
        self._path = restore.pattern_free_path(path)
        self._module_graph = graph
        self._graph = tf_internals.import_tensorflow().Graph()
        self._paths: dict[str, Any] = {}

    def __enter__(self) -> OriginalModel:  # noqa: PYI034  Self came with Python 3.11.
        v1 = tf_internals.import_tensorflow().compat.v1
        meta_graph = self._module_graph.meta_graph
        self._session = v1.Session(graph=self._graph)
        with self._graph.as_default():
            v1.saved_model.load(self._session, list(meta_graph.meta_info_def.tags), self._path)
            # The session reads the graph of the file, in which the paths of assets are empty.
            for tensor, path in find_asset_paths(meta_graph).items():
                shape = self._graph.get_tensor_by_name(tensor).shape.as_list()
                self._paths[tensor] = np.full(shape, path.encode(), dtype=object)
            self._session.run(v1.tables_initializer(), self._paths)
            unset = frozenset(name.decode() for name in self._session.run(v1.report_uninitialized_variables()))
            named = {variable.op.name: variable for variable in v1.global_variables()}
            self._variables = {name: variable for name, variable in named.items() if name not in unset}
            self.initial = self._session.run(self._variables)
            placeholders = {name: v1.placeholder(value.dtype, value.shape) for name, value in self.initial.items()}
            self._reset = [v1.assign(self._variables[name], placeholders[name]) for name in self._variables]
            self._initial_values = {placeholders[name]: value for name, value in self.initial.items()}
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    def run_signature(self, name: str, inputs: dict[str, Any]) -> SignatureResults | None:
        """Return the results of a signature; None if a second run has other results.

        Each run begins with the initial variables: a signature may change them.
        """
        tf = tf_internals.import_tensorflow()
        signature = self._module_graph.meta_graph.signature_def[name]
        feeds: dict[str, Any] = {}
        # Sorted as the conversion takes them: a tensor that two inputs feed has the value of the last.
        for key, info in sorted(signature.inputs.items()):
            flat = [part.numpy() for part in tf.nest.flatten(inputs[key], expand_composites=True)]
            feeds.update(zip(components(info), flat))
        outputs = {
            f"{key}/{index}": self._graph.get_tensor_by_name(part)
            for key, info in signature.outputs.items()
            for index, part in enumerate(components(info))
        }
        values, variables = self._run_from_start(
            outputs, feeds, self._module_graph.update_ops_of(name) if self.training else []
        )
        again, _ = self._run_from_start(outputs, feeds)
        if not all(_are_identical(value, again[key]) for key, value in values.items()):
            return None
        results = {"outputs": values}
        self.why_no_gradients = ""
        if self.training:
            try:
                results["gradients"], _ = self._run_from_start(self._build_gradients(outputs, feeds), feeds)
            except (tf.errors.OpError, *NO_GRADIENT_ERRORS) as error:
                self.why_no_gradients = f"gradients: TF1 has none: {summarize_error(error)}"
        return {**results, "updated variables": variables}

    def _run_from_start(
        self, fetches: dict[str, Any], feeds: dict[str, Any], updates: Iterable[str] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values of tensors in one run, and those of the variables after it."""
        self._session.run(self._reset, self._initial_values)
        ops = [self._graph.get_operation_by_name(update) for update in updates]
        values, _ = self._session.run([fetches, ops], {**self._paths, **feeds})
        paths = (path for array in self._paths.values() for path in array.ravel())
        return _replace_asset_paths(values, paths), self._session.run(self._variables)

    def _build_gradients(self, outputs: dict[str, Any], feeds: dict[str, Any]) -> dict[str, Any]:
        """Build the gradients of the variables. A variable whose value is an input has none by way of that value."""
        tf = tf_internals.import_tensorflow()
        fed = [self._graph.get_tensor_by_name(name) for name in feeds]
        with self._graph.as_default(), use_control_flow_v1():
            loss = _compute_loss(outputs)
            values = {tensor.op for tensor in fed}
            trained = {each.op.name: each for each in tf.compat.v1.trainable_variables() if each.op not in values}
            if loss is None or not trained:
                return {}
            gradients = tf.compat.v1.gradients(loss, list(trained.values()), stop_gradients=fed)
            return _gradients_by_name(trained, gradients)


class ConvertedModel:
    """A converted model, as plain TensorFlow loads it."""

    def __init__(self, path: str) -> None:
        self._model = tf_internals.import_tensorflow().saved_model.load(restore.pattern_free_path(path))
        self._initial = {_name_of(variable): variable.numpy() for variable in self._model.variables}
        self._paths = [asset.asset_path.numpy() for asset in self._model.files]

    def run_signature(
        self, name: str, inputs: dict[str, Any], training: bool, with_gradients: bool
    ) -> SignatureResults:
        """Return the results of a signature, called with the initial variables."""
        tf, model = tf_internals.import_tensorflow(), self._model
        for variable in model.variables:
            variable.assign(self._initial[_name_of(variable)])
        # A tape builds the gradients of all that runs under it.
        with tf.GradientTape() if with_gradients else contextlib.nullcontext() as tape:
            results = model(inputs or None, training=training, signature=name, as_dict=True)
            outputs = {
                f"{key}/{index}": part
                for key, value in results.items()
                for index, part in enumerate(tf.nest.flatten(value, expand_composites=True))
            }
            loss = _compute_loss(outputs) if with_gradients else None
        trained = {_name_of(variable): variable for variable in model.trainable_variables}
        gradients = () if tape is None or loss is None else tape.gradient(loss, list(trained.values()))
        return {
            "outputs": _replace_asset_paths({key: value.numpy() for key, value in outputs.items()}, self._paths),
            "gradients": {key: value.numpy() for key, value in _gradients_by_name(trained, gradients).items()},
            "updated variables": {_name_of(variable): variable.numpy() for variable in model.variables},
        }


def _replace_asset_paths(values: dict[str, Any], paths: Iterable[bytes]) -> dict[str, Any]:
    """Return arrays with the digests of assets instead of their paths, which differ between the models."""
    tf = tf_internals.import_tensorflow()
    known = frozenset(paths)

    def replace_path(element: Any) -> Any:
        if element not in known:
            return element
        with tf.io.gfile.GFile(element.decode(), "rb") as file:
            return hashlib.sha256(file.read()).digest()

    def replace_paths(value: Any) -> Any:
        array = np.asarray(value, dtype=object) if isinstance(value, bytes) else np.asarray(value)
        if not known or array.dtype != object:
            return value
        replaced = np.empty(array.size, dtype=object)
        replaced[:] = [replace_path(element) for element in array.ravel().tolist()]
        return replaced.reshape(array.shape)

    return {key: replace_paths(value) for key, value in values.items()}


def _are_identical(first: Any, second: Any) -> bool:
    first, second = np.asarray(first), np.asarray(second)
    return np.array_equal(first, second, equal_nan=first.dtype.kind in "fc" and second.dtype.kind in "fc")


def _gradients_by_name(variables: dict[str, Any], gradients: Iterable[Any]) -> dict[str, Any]:
    tf = tf_internals.import_tensorflow()
    return {
        name: tf.convert_to_tensor(gradient) for name, gradient in zip(variables, gradients) if gradient is not None
    }


def _name_of(variable: Any) -> str:
    return str(variable.name).partition(":")[0]


def _compute_loss(outputs: dict[str, Any]) -> Any:
    """Return a number that depends on all outputs that have gradients; None if there are none."""
    tf = tf_internals.import_tensorflow()
    floats = [tf.reduce_mean(tf.square(outputs[key])) for key in sorted(outputs) if outputs[key].dtype.is_floating]
    return tf.add_n([tf.cast(mean, tf.float32) for mean in floats]) if floats else None
