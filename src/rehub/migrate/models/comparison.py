"""Compare a converted model with the original, which a session of TF1 runs as TF1 did."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

import numpy as np

from rehub import restore, tf_internals
from rehub.errors import ConversionFailed
from rehub.legacy import assets
from rehub.legacy.tensor_array_gradients import use_control_flow_v1
from rehub.legacy.tensor_info import components
from rehub.retrain.signature_functions import SignatureFunctions
from rehub.transfer.progress import track_steps

# As a share of the largest number compared: float32 keeps about 1e-7, which sums of many numbers lose some of.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """One signature in one mode.

    Attributes:
        signature: its name.
        mode: "inference" or "training".
        compared: what was: "outputs", "gradients", "updated variables".
        difference: the largest one found, as a share of the largest number compared; 0.0 where nothing was compared.
        not_compared: why nothing was, or no gradients; empty otherwise.
    """

    signature: str
    mode: str
    compared: tuple[str, ...]
    difference: float
    not_compared: str = ""


def compare(
    tf: Any, original: str, converted: str, functions: SignatureFunctions, sample_inputs: Mapping[str, Any], handle: str
) -> list[Comparison]:
    """Compare all signatures, in inference and in training.

    Args:
        tf: the TensorFlow module.
        original: the directory of the model of TF1.
        converted: that of its conversion.
        functions: the original's graphs.
        sample_inputs: by signature, the inputs to compare on; those that are missing are made up.
        handle: what the user typed, for messages.

    Raises:
        ConversionFailed: they differ; says in what, and by how much.
    """
    comparisons = []
    model = _InTF2(tf, converted)
    for training in (False, True):
        with _InTF1(tf, original, functions, training) as reference:
            names = list(functions.trainable_signatures() if training else functions.inference.signature_names())
            for name in track_steps(f"Comparing, {reference.mode}", names, len(names), "signature"):
                inputs, reason = _samples(tf, functions.inference.input_specs(name), sample_inputs.get(name))
                if reason:
                    comparisons.append(Comparison(name, reference.mode, (), 0.0, reason))
                else:
                    comparisons.append(_compare_one(tf, reference, model, name, inputs, handle))
    return comparisons


def _compare_one(
    tf: Any, reference: _InTF1, model: _InTF2, name: str, inputs: dict[str, Any], handle: str
) -> Comparison:
    try:
        expected = reference.results(name, inputs)
    except (tf.errors.OpError, LookupError) as error:
        # Made-up inputs need not be such as the model takes.
        return Comparison(name, reference.mode, (), 0.0, f"the original fails on the inputs: {_gist(error)}")
    if expected is None:
        return Comparison(name, reference.mode, (), 0.0, "it is random: the original gives something else each time")
    try:
        received = model.results(name, inputs, reference.training, with_gradients="gradients" in expected)
    except (tf.errors.OpError, *_NO_GRADIENT) as error:
        raise ConversionFailed(
            f"{handle!r} was not converted: in {reference.mode}, signature {name!r} fails, and does not in TF1: "
            f"{_gist(error)}"
        ) from error
    differences = {}
    for what, values in expected.items():
        for key, value in values.items():
            differences[f"{what} {key!r}"] = _difference(value, received[what].get(key))
    worst = max(differences, key=lambda key: differences[key], default="")
    if worst and differences[worst] > _TOLERANCE:
        raise ConversionFailed(
            f"{handle!r} was not converted: in {reference.mode}, signature {name!r} computes something else than in "
            f"TF1. {worst} differs by {differences[worst]:.2g} of its size, more than {_TOLERANCE:.0e}."
        )
    if not reference.training and _are_equal(expected["updated variables"], reference.initial):
        del expected["updated variables"]  # There are no updates in inference; few signatures change variables there.
    compared = tuple(what for what in expected if expected[what])
    return Comparison(name, reference.mode, compared, differences.get(worst, 0.0), reference.why_no_gradients)


def _gist(error: Exception) -> str:
    """What went wrong, without TensorFlow's account of where."""
    message = getattr(error, "message", str(error)).partition("\n\t [[{{node")[0]
    return str(message.strip().splitlines()[-1])


def _difference(expected: Any, received: Any) -> float:
    """The largest difference between two arrays as a share of the largest number in them; 1 if they cannot be
    compared.
    """
    expected = np.asarray(expected)
    if received is None or expected.shape != np.shape(received):
        return 1.0
    received = np.asarray(received)
    if expected.dtype.kind not in "fc":
        return float(not np.array_equal(expected, received))
    if expected.size == 0 or np.array_equal(expected, received, equal_nan=True):
        return 0.0
    if not np.array_equal(np.isfinite(expected), np.isfinite(received)):
        return 1.0
    finite = np.isfinite(expected)
    expected, received = expected[finite].astype(np.float64), received[finite].astype(np.float64)
    # Where all numbers are tiny, rounding is all there is.
    return float(np.max(np.abs(expected - received)) / max(np.max(np.abs(expected)), 1e-3))


# What each of them computes: outputs, gradients of the mean of their squares, and the variables after it, with a step's
# updates in training.

# What TensorFlow raises where it cannot build a gradient.
_NO_GRADIENT = (AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)


class _InTF1:
    """The original's graph variant of a mode, in a session."""

    def __init__(self, tf: Any, path: str, functions: SignatureFunctions, training: bool) -> None:
        self.training = training
        self.mode = "training" if training else "inference"
        self._tf = tf
        self._path = restore.pattern_free_path(path)
        self._functions = functions
        self._meta_graph = functions.graph_for(training).meta_graph
        self._graph = tf.Graph()
        self._paths: dict[str, Any] = {}
        self.why_no_gradients = ""

    def __enter__(self) -> _InTF1:  # noqa: PYI034  Self came with Python 3.11
        v1 = self._tf.compat.v1
        self._session = v1.Session(graph=self._graph)
        with self._graph.as_default():
            v1.saved_model.load(self._session, list(self._meta_graph.meta_info_def.tags), self._path)
            # A session reads the graph of the file, which does not tell the paths of assets.
            for tensor, path in assets.find_asset_paths(self._meta_graph).items():
                shape = self._graph.get_tensor_by_name(tensor).shape.as_list()
                self._paths[tensor] = np.full(shape, path.encode(), dtype=object)
            self._session.run(v1.tables_initializer(), self._paths)
            variables = {variable.op.name: variable for variable in v1.global_variables()}
            self._variables = variables
            self.initial = self._session.run(variables)
            placeholders = {name: v1.placeholder(value.dtype, value.shape) for name, value in self.initial.items()}
            self._restore = [v1.assign(variables[name], placeholders[name]) for name in variables]
            self._fed_to_restore = {placeholders[name]: value for name, value in self.initial.items()}
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    def results(self, name: str, inputs: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
        """What a signature computes; None if it computes something else when asked again.

        Each run begins with the variables as they were loaded: a signature may change them.
        """
        signature = self._meta_graph.signature_def[name]
        fed: dict[str, Any] = {}
        for key, info in signature.inputs.items():
            flat = [part.numpy() for part in self._tf.nest.flatten(inputs[key], expand_composites=True)]
            fed.update(zip(components(info), flat))
        outputs = {
            f"{key}/{index}": self._graph.get_tensor_by_name(part)
            for key, info in signature.outputs.items()
            for index, part in enumerate(components(info))
        }
        values, variables = self._run(
            outputs, fed, self._functions.training.update_ops_of(name) if self.training else []
        )
        again, _ = self._run(outputs, fed)
        if not _are_equal(values, again):
            return None
        results = {"outputs": values}
        self.why_no_gradients = ""
        if self.training:
            try:
                results["gradients"], _ = self._run(self._gradients(outputs), fed)
            except (self._tf.errors.OpError, *_NO_GRADIENT) as error:
                self.why_no_gradients = f"gradients: TF1 has none: {_gist(error)}"
        return {**results, "updated variables": variables}

    def _run(
        self, fetches: dict[str, Any], fed: dict[str, Any], updates: Iterable[str] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what tensors are in one run, and the variables after it."""
        self._session.run(self._restore, self._fed_to_restore)
        ops = [self._graph.get_operation_by_name(update) for update in updates]
        values, _ = self._session.run([fetches, ops], {**self._paths, **fed})
        paths = (path for array in self._paths.values() for path in array.ravel())
        return _with_contents(self._tf, values, paths), self._session.run(self._variables)

    def _gradients(self, outputs: dict[str, Any]) -> dict[str, Any]:
        with self._graph.as_default(), use_control_flow_v1():
            loss = _loss(self._tf, outputs)
            trained = {variable.op.name: variable for variable in self._tf.compat.v1.trainable_variables()}
            found = self._tf.compat.v1.gradients(loss, list(trained.values())) if loss is not None and trained else ()
            return {
                name: self._tf.convert_to_tensor(gradient)
                for name, gradient in zip(trained, found)
                if gradient is not None
            }


def _are_equal(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(_difference(value, second[key]) == 0.0 for key, value in first.items())


class _InTF2:
    """The converted model, as plain TensorFlow loads it."""

    def __init__(self, tf: Any, path: str) -> None:
        self._tf = tf
        self._model = tf.saved_model.load(restore.pattern_free_path(path))
        self._initial = {_name_of(variable): variable.numpy() for variable in self._model.variables}
        self._paths = [asset.asset_path.numpy() for asset in self._model.files]

    def results(
        self, name: str, inputs: dict[str, Any], training: bool, with_gradients: bool
    ) -> dict[str, dict[str, Any]]:
        """What a signature computes."""
        tf, model = self._tf, self._model
        for variable in model.variables:
            variable.assign(self._initial[_name_of(variable)])
        with tf.GradientTape() as tape:
            results = model(inputs or None, training=training, signature=name, as_dict=True)
            outputs = {
                f"{key}/{index}": part
                for key, value in results.items()
                for index, part in enumerate(tf.nest.flatten(value, expand_composites=True))
            }
            loss = _loss(tf, outputs) if with_gradients else None
        trained = {_name_of(variable): variable for variable in model.trainable_variables}
        found = tape.gradient(loss, list(trained.values())) if loss is not None else ()
        return {
            "outputs": _with_contents(tf, {key: value.numpy() for key, value in outputs.items()}, self._paths),
            "gradients": {
                name: tf.convert_to_tensor(gradient).numpy()
                for name, gradient in zip(trained, found)
                if gradient is not None
            },
            "updated variables": {_name_of(variable): variable.numpy() for variable in model.variables},
        }


def _with_contents(tf: Any, values: dict[str, Any], paths: Iterable[bytes]) -> dict[str, Any]:
    """Return arrays in which paths of assets are replaced by what the files hold: each model has files of its own."""
    known = frozenset(paths)

    def replaced(element: Any) -> Any:
        if element not in known:
            return element
        with tf.io.gfile.GFile(element.decode(), "rb") as file:
            return hashlib.sha256(file.read()).digest()

    def replaced_in(value: Any) -> Any:
        array = np.asarray(value, dtype=object) if isinstance(value, bytes) else np.asarray(value)
        if not known or array.dtype != object:
            return value
        elements = [replaced(element) for element in array.ravel().tolist()]
        found = np.empty(len(elements), dtype=object)
        found[:] = elements
        return found.reshape(array.shape)

    return {key: replaced_in(value) for key, value in values.items()}


def _name_of(variable: Any) -> str:
    return str(variable.name).partition(":")[0]


def _loss(tf: Any, outputs: dict[str, Any]) -> Any:
    """A number that depends on all outputs that have gradients."""
    floats = [tf.reduce_mean(tf.square(outputs[key])) for key in sorted(outputs) if outputs[key].dtype.is_floating]
    return tf.add_n([tf.cast(mean, tf.float32) for mean in floats]) if floats else None


# Made-up inputs


def _samples(tf: Any, specs: dict[str, Any], given: Any) -> tuple[dict[str, Any], str]:
    """Return inputs by name, or why there are none."""
    if given is not None:
        by_name = given if isinstance(given, Mapping) else {next(iter(specs)): given}
        return {
            name: value
            if not isinstance(specs[name], tf.TensorSpec)
            else tf.convert_to_tensor(value, specs[name].dtype)
            for name, value in by_name.items()
        }, ""
    samples = {}
    for number, (name, spec) in enumerate(specs.items()):
        sample = _sample(tf, spec, seed=number)
        if sample is None:
            return {}, f"inputs of the kind of {name!r} cannot be made up; give sample_inputs"
        samples[name] = sample
    return samples, ""


def _sample(tf: Any, spec: Any, seed: int) -> Any:
    if isinstance(spec, tf.TensorSpec):
        return _dense(tf, _sizes(spec.shape), spec.dtype, seed)
    shape = tf_internals.specs.shape_of(spec)
    if isinstance(spec, tf.SparseTensorSpec) and shape.rank == 2:
        rows, columns = _sizes(shape)
        indices = [[row, row % columns] for row in range(rows)]
        return tf.SparseTensor(indices, _dense(tf, [rows], spec.dtype, seed), [rows, columns])
    if isinstance(spec, tf.RaggedTensorSpec) and spec.ragged_rank == 1 and shape.rank in (None, 2):
        return tf.RaggedTensor.from_row_splits(
            _dense(tf, [3], tf_internals.specs.dtype_of(spec), seed), tf.constant([0, 2, 3], spec.row_splits_dtype)
        )
    return None


def _sizes(shape: Any) -> list[int]:
    """Sizes for an unknown batch, and for what else is unknown: enough for what images and sequences go through."""
    if shape.rank is None:
        return [2]
    return [(2 if axis == 0 else 16) if size is None else size for axis, size in enumerate(shape.as_list())]


def _dense(tf: Any, shape: list[int], dtype: Any, seed: int) -> Any:
    random = np.random.RandomState(seed)
    if dtype == tf.string:
        words = np.array([b"the quick brown fox", b"jumps", b"over the lazy dog"])
        return tf.constant(words[random.randint(0, 3, shape)])
    if dtype.is_integer:
        return tf.constant(random.randint(1, 3, shape), dtype)
    if dtype.is_bool:
        return tf.constant(random.randint(0, 2, shape) == 1)
    return tf.cast(random.uniform(0.0, 1.0, shape), dtype)
