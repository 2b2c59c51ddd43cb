"""The shapes and dtypes of a layer's outputs, known before anything is computed.

They come from the user's `output_shape=`, from the trace that the inputs will reach, and, for dimensions that it leaves
open, from TensorFlow's shape inference over its graph. A size that depends on values stays open: what a call with some
values returns says nothing of others.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from rehub import tf_internals
from rehub.errors import NotSerializable, NotTrainable
from rehub.keras.computation import Computation
from rehub.keras.inputs import reachable_traces
from rehub.keras.traces import Trace
from rehub.restore import describe, spec_of


def output_specs(
    computation: Computation, inputs: Any, declared: Any = None, *, training: bool = False, with_batch: bool = False
) -> Any | None:
    """Returns a nest of `tf.TypeSpec`s in the structure of the layer's output, or None if no trace tells.

    A size is in there only if all outputs have it, whatever the values of the inputs are.

    Args:
        computation: what the layer computes.
        inputs: a nest of specs or symbolic tensors.
        declared: the layer's `output_shape=` as a nest of `tf.TensorShape` without the batch dimension.
        training: whether the layer may also be called in training mode.
        with_batch: whether a batch size that is known should show in the outputs; that may take a trace to find out.
    """
    modes = (False, True) if training and computation.takes_training else (False,)
    reachable = {mode: _reachable_traces(computation, inputs, mode) for mode in modes}
    specs = _most_general([_specs_of(computation, trace) for mode in modes for trace in reachable[mode]])
    if specs is None:
        return None
    specs = specs if declared is None else _with_declared(specs, declared)
    if not _leaves_open(specs, with_batch and _batch_size(inputs) is not None):
        return specs
    if any(len(reachable[mode]) > 1 for mode in modes):
        return specs
    inferred = []
    for mode in modes:
        if reachable[mode]:
            with contextlib.suppress(NotTrainable):  # Then no call in this mode returns anything.
                inferred.append(_inferred_specs(computation, inputs, mode))
    specs = _most_general(inferred) or specs
    return specs if declared is None else _with_declared(specs, declared)


def output_shapes(computation: Computation, input_shape: Any, declared: Any = None, *, training: bool) -> Any | None:
    """Returns a nest of `tf.TensorShape`s for inputs of these shapes, as Keras hands them around, or None if no trace
    tells. A batch size that is known, and that no trace denies, is also that of an output whose shape is declared.
    """
    tf = tf_internals.import_tensorflow()
    inputs = shape_specs(computation, input_shape)
    specs = output_specs(computation, inputs, declared, training=training, with_batch=True)
    if declared is None:
        return None if specs is None else tf.nest.map_structure(tf_internals.specs.shape_of, specs)
    batch = tf.TensorShape([_batch_size(inputs)])
    if specs is None:
        return tf.nest.map_structure(batch.concatenate, declared)
    return tf.nest.map_structure(
        lambda spec: _refined(
            tf_internals.specs.shape_of(spec), batch.concatenate(tf_internals.specs.shape_of(spec)[1:])
        ),
        specs,
    )


def ensure_declared_shapes(outputs: Any, declared: Any, described_as: str) -> Any:
    """Returns the outputs with the shapes that the user declared by `output_shape=`, without the batch dimension. In a
    graph, an output of another shape fails when it is computed.

    Raises:
        ValueError: there are other outputs, or they have other shapes.
    """
    tf = tf_internals.import_tensorflow()
    tensors, shapes = tf.nest.flatten(outputs), tf.nest.flatten(declared)
    if len(tensors) != len(shapes):
        raise ValueError(
            f"output_shape= of {described_as} declares {len(shapes)} shape(s), and there are {len(tensors)} outputs: "
            f"{describe(outputs)}. Received: output_shape={declared!r}"
        )
    ensured = []
    for tensor, shape in zip(tensors, shapes):
        expected = tf.TensorShape([None]).concatenate(shape)
        found = tf.TensorShape(getattr(tensor, "shape", None))
        if not expected.is_compatible_with(found):
            raise ValueError(
                f"output_shape= of {described_as} declares {shape} without the batch dimension. Received: an output of "
                f"shape {found}. Correct it, or leave it out."
            )
        # Unlike set_shape(), it does not take a shape for true that another output turns out not to have.
        ensured.append(tf.ensure_shape(tensor, expected) if _is_told_more(tensor, expected) else tensor)
    return tf.nest.pack_sequence_as(outputs, ensured)


def _is_told_more(tensor: Any, shape: Any) -> bool:
    """Whether a shape says more of a dense tensor than is known."""
    if not isinstance(tensor, tf_internals.import_tensorflow().Tensor) or shape.rank is None:
        return False
    if tensor.shape.rank is None:
        return True
    return any(known is None and told is not None for known, told in zip(tensor.shape.as_list(), shape.as_list()))


def shape_specs(computation: Computation, input_shape: Any) -> Any:
    """Input shapes, as Keras hands them around, as a nest of specs; their kinds and dtypes are those of the first trace
    that takes such shapes, else of the first of the same structure.
    """
    tf = tf_internals.import_tensorflow()
    candidates = [_shapes_like(input_shape, trace.inputs) for trace in computation.traces]
    candidates = [specs for specs in candidates if specs is not None]
    for specs in candidates:
        if _reachable_traces(computation, specs, training=False):
            return specs
    if candidates:
        return candidates[0]
    return tf.nest.map_structure(lambda shape: tf.TensorSpec(shape, tf.float32), shapes_from(input_shape))


def _shapes_like(shapes: Any, expected: Any) -> Any | None:
    """`shapes` as specs in the structure of `expected`, or None if the structures differ."""
    tf = tf_internals.import_tensorflow()
    if isinstance(expected, dict):
        if len(expected) == 1 and not isinstance(shapes, dict):
            shapes = {next(iter(expected)): shapes}
        if not isinstance(shapes, dict) or shapes.keys() != expected.keys():
            return None
        items = {key: _shapes_like(shapes[key], expected[key]) for key in expected}
        return None if any(item is None for item in items.values()) else items
    if isinstance(expected, (list, tuple)):
        if not isinstance(shapes, (list, tuple)) or _is_shape(shapes) or len(shapes) != len(expected):
            return None
        sequence = [_shapes_like(shape, spec) for shape, spec in zip(shapes, expected)]
        return None if any(item is None for item in sequence) else sequence
    if not isinstance(expected, (tf.TensorSpec, tf.SparseTensorSpec, tf.RaggedTensorSpec)) or not _is_shape(shapes):
        return None
    return tf_internals.specs.with_shape(expected, tf.TensorShape(shapes))


def _is_shape(value: Any) -> bool:
    tf = tf_internals.import_tensorflow()
    if isinstance(value, tf.TensorShape):
        return True
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


def shapes_from(nest: Any) -> Any:
    """A nest of raw shapes (tuples or lists of int or None) as a nest of `tf.TensorShape`.

    Raises:
        TypeError: something in the nest is neither a shape nor a dict, list or tuple.
    """
    tf = tf_internals.import_tensorflow()
    if isinstance(nest, dict):
        return {key: shapes_from(value) for key, value in nest.items()}
    if _is_shape(nest) or (not isinstance(nest, (list, tuple)) and (nest is None or isinstance(nest, int))):
        return tf.TensorShape(nest if not isinstance(nest, int) else [nest])
    if isinstance(nest, (list, tuple)):
        return type(nest)(shapes_from(value) for value in nest)
    raise TypeError(f"output_shape= takes shapes, or dicts, lists and tuples of shapes. Received: {nest!r}")


def shapes_to_config(shapes: Any) -> Any:
    """A nest of `tf.TensorShape` as lists that JSON can hold.

    Raises:
        NotSerializable: JSON cannot hold the nest.
    """
    if isinstance(shapes, dict):
        raw: Any = {key: shapes_to_config(value) for key, value in shapes.items()}
    elif isinstance(shapes, (list, tuple)):
        raw = [shapes_to_config(value) for value in shapes]
    else:
        raw = shapes.as_list()
    try:
        json.dumps(raw)
    except TypeError as error:
        raise NotSerializable(
            f"hub.KerasLayer(..., output_shape=) is not json-serializable. Received: output_shape={shapes!r}"
        ) from error
    return raw


def _reachable_traces(computation: Computation, inputs: Any, training: bool) -> list[Trace]:
    return reachable_traces(inputs, computation.candidates(training))


def _specs_of(computation: Computation, trace: Trace) -> Any:
    """The specs of the outputs of a trace; None if one of them is not a tensor."""
    return _as_specs(computation.pick_output(trace.outputs))


def _inferred_specs(computation: Computation, inputs: Any, training: bool) -> Any:
    """The specs of the outputs for inputs of these specs, which TensorFlow infers when it traces the call: of the ops
    in the function, not of values. Nothing is computed.
    """
    tf = tf_internals.import_tensorflow()
    function = tf.function(lambda nest: computation(nest, training=training), autograph=False)
    return _as_specs(function.get_concrete_function(tf.nest.map_structure(spec_of, inputs)).structured_outputs)


def _as_specs(outputs: Any) -> Any:
    """The specs of a nest of tensors or specs; None if something in it is not a dense, sparse or ragged tensor."""
    tf = tf_internals.import_tensorflow()
    specs = [spec_of(leaf) for leaf in tf.nest.flatten(outputs)]
    if not all(isinstance(spec, (tf.TensorSpec, tf.SparseTensorSpec, tf.RaggedTensorSpec)) for spec in specs):
        return None
    return tf.nest.pack_sequence_as(outputs, specs)


def _most_general(alternatives: list[Any]) -> Any:
    """The specs that hold for each of these nests of specs; None if there are none, or if they have nothing in common
    but tensors of other kinds or in other structures.
    """
    tf = tf_internals.import_tensorflow()
    if not alternatives or any(specs is None for specs in alternatives):
        return None
    first, *others = alternatives
    leaves = tf.nest.flatten(first)
    for other in others:
        found = tf.nest.flatten(other)
        if [_kind(spec) for spec in leaves] != [_kind(spec) for spec in found]:
            return None
        leaves = [tf_internals.specs.with_shape(spec, _common(spec, like)) for spec, like in zip(leaves, found)]
    return tf.nest.pack_sequence_as(first, leaves)


def _kind(spec: Any) -> tuple[Any, ...]:
    return type(spec), tf_internals.specs.dtype_of(spec), getattr(spec, "ragged_rank", 0)


def _common(spec: Any, other: Any) -> Any:
    shape = tf_internals.specs.shape_of(spec)
    return shape.most_specific_compatible_shape(tf_internals.specs.shape_of(other))


def _with_declared(specs: Any, declared: Any) -> Any:
    """The specs with what the user declared of them; where they deny that, the call says so."""
    tf = tf_internals.import_tensorflow()
    leaves, shapes = tf.nest.flatten(specs), tf.nest.flatten(declared)
    if len(leaves) != len(shapes):
        return specs
    refined = [
        tf_internals.specs.with_shape(
            spec, _refined(tf_internals.specs.shape_of(spec), tf.TensorShape([None]).concatenate(shape))
        )
        for spec, shape in zip(leaves, shapes)
    ]
    return tf.nest.pack_sequence_as(specs, refined)


def _refined(shape: Any, other: Any) -> Any:
    return shape.merge_with(other) if shape.is_compatible_with(other) else shape


def _batch_size(inputs: Any) -> int | None:
    for leaf in tf_internals.import_tensorflow().nest.flatten(inputs):
        spec = spec_of(leaf)
        shape = None if spec is None else tf_internals.specs.shape_of(spec)
        if shape is not None and shape.rank:
            return shape.as_list()[0]  # type: ignore[no-any-return]
    return None


def _leaves_open(specs: Any, with_batch: bool) -> bool:
    """Whether the rank or a dimension of a dense output is unknown; the batch dimension counts only if asked for."""
    tf = tf_internals.import_tensorflow()
    for spec in tf.nest.flatten(specs):
        if isinstance(spec, tf.TensorSpec) and (
            spec.shape.rank is None or None in spec.shape.as_list()[0 if with_batch else 1 :]
        ):
            return True
    return False
