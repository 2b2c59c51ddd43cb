"""The shapes and dtypes of a layer's outputs, before anything is computed.

They come from the user's `output_shape=`, from the trace that the inputs will run, and, for dimensions that it leaves
unknown, from TensorFlow's shape inference over its graph. A size that depends on values stays unknown: the size for
some values says nothing about others.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from rehub import tf_internals
from rehub.errors import NotSerializable, NotTrainable
from rehub.keras.computation import Computation
from rehub.keras.inputs import reachable_traces
from rehub.restore import describe_nest, spec_of


def output_specs(
    computation: Computation, inputs: Any, declared: Any = None, *, training: bool = False, with_batch: bool = False
) -> Any | None:
    """Return a nest of `tf.TypeSpec`s in the structure of the layer's output, or None if no trace has them.

    A size is known only if the outputs have it for all values of the inputs.

    Args:
        inputs: a nest of specs or symbolic tensors.
        declared: the layer's `output_shape=` as a nest of `tf.TensorShape` without the batch dimension.
        training: whether the layer may also be called in training mode.
        with_batch: whether outputs should have a known batch size, where that needs a trace.
    """
    modes = (False, True) if training and computation.takes_training else (False,)
    reachable = {mode: reachable_traces(inputs, computation.runnable_traces(mode)) for mode in modes}
    outputs = [computation.pick_output(trace.outputs) for mode in modes for trace in reachable[mode]]
    specs = _most_general_specs(list(map(_as_specs, outputs)))
    if specs is None:
        return None
    specs = specs if declared is None else _add_declared_shapes(specs, declared)
    if not _has_unknown_size(specs, with_batch and _find_batch_size(inputs) is not None):
        return specs
    if any(len(reachable[mode]) > 1 for mode in modes):
        return specs
    inferred = []
    for mode in modes:
        if reachable[mode]:
            with contextlib.suppress(NotTrainable):  # Then every call in this mode fails.
                inferred.append(_infer_specs(computation, inputs, mode))
    specs = _most_general_specs(inferred) or specs
    return specs if declared is None else _add_declared_shapes(specs, declared)


def output_shapes(computation: Computation, input_shape: Any, declared: Any = None, *, training: bool) -> Any | None:
    """Return a nest of `tf.TensorShape`s for inputs of these shapes, which Keras passes, or None if no trace has them.

    An output with a declared shape gets the batch size of the inputs, unless its trace has another.
    """
    tf = tf_internals.import_tensorflow()
    inputs = shape_specs(computation, input_shape)
    specs = output_specs(computation, inputs, declared, training=training, with_batch=True)
    if declared is None:
        return None if specs is None else tf.nest.map_structure(tf_internals.specs.shape_of, specs)
    batch = tf.TensorShape([_find_batch_size(inputs)])
    if specs is None:
        return tf.nest.map_structure(batch.concatenate, declared)
    return tf.nest.map_structure(
        lambda spec: _merge_shapes(
            tf_internals.specs.shape_of(spec), batch.concatenate(tf_internals.specs.shape_of(spec)[1:])
        ),
        specs,
    )


def ensure_declared_shapes(outputs: Any, declared: Any, label: str) -> Any:
    """Return the outputs with the shapes of `output_shape=`, which have no batch dimension.

    In a graph, an output of another shape fails when it is computed.

    Raises:
        ValueError: the outputs are others, or have other shapes.
    """
    tf = tf_internals.import_tensorflow()
    tensors, shapes = tf.nest.flatten(outputs), tf.nest.flatten(declared)
    if len(tensors) != len(shapes):
        raise ValueError(
            f"output_shape= of {label} declares {len(shapes)} shape(s), but there are {len(tensors)} outputs: "
            f"{describe_nest(outputs)}. Received: output_shape={declared!r}"
        )
    ensured = []
    for tensor, shape in zip(tensors, shapes):
        expected = tf.TensorShape([None]).concatenate(shape)
        found = tf.TensorShape(getattr(tensor, "shape", None))
        if not expected.is_compatible_with(found):
            raise ValueError(
                f"output_shape= of {label} declares {shape} without the batch dimension. Received: an output of "
                f"shape {found}. Correct it, or leave it out."
            )
        # Unlike set_shape(), ensure_shape() checks the shape when the output is computed.
        ensured.append(tf.ensure_shape(tensor, expected) if _adds_to_shape(tensor, expected) else tensor)
    return tf.nest.pack_sequence_as(outputs, ensured)


def _adds_to_shape(tensor: Any, shape: Any) -> bool:
    """Return whether a shape has a size that is unknown in a dense tensor."""
    if not isinstance(tensor, tf_internals.import_tensorflow().Tensor) or shape.rank is None:
        return False
    if tensor.shape.rank is None:
        return True
    return any(known is None and added is not None for known, added in zip(tensor.shape.as_list(), shape.as_list()))


def shape_specs(computation: Computation, input_shape: Any) -> Any:
    """Return input shapes, which Keras passes, as a nest of specs.

    The kinds and dtypes are those of the first trace that takes such shapes, else of the first with the same structure.
    """
    tf = tf_internals.import_tensorflow()
    candidates = [_specs_with_shapes(input_shape, trace.inputs) for trace in computation.traces]
    candidates = [specs for specs in candidates if specs is not None]
    for specs in candidates:
        if reachable_traces(specs, computation.runnable_traces(training=False)):
            return specs
    if candidates:
        return candidates[0]
    return tf.nest.map_structure(lambda shape: tf.TensorSpec(shape, tf.float32), shapes_from(input_shape))


def _specs_with_shapes(shapes: Any, expected: Any) -> Any | None:
    """Return `shapes` as specs in the structure of `expected`, or None if the structures differ."""
    if isinstance(expected, dict):
        if len(expected) == 1 and not isinstance(shapes, dict):
            shapes = {next(iter(expected)): shapes}
        if not isinstance(shapes, dict) or shapes.keys() != expected.keys():
            return None
        items = {key: _specs_with_shapes(shapes[key], expected[key]) for key in expected}
        return None if any(item is None for item in items.values()) else items
    if isinstance(expected, (list, tuple)):
        if not isinstance(shapes, (list, tuple)) or _is_shape(shapes) or len(shapes) != len(expected):
            return None
        sequence = [_specs_with_shapes(shape, spec) for shape, spec in zip(shapes, expected)]
        return None if any(item is None for item in sequence) else sequence
    if not tf_internals.specs.is_of_tensors(expected) or not _is_shape(shapes):
        return None
    return tf_internals.specs.with_shape(expected, tf_internals.import_tensorflow().TensorShape(shapes))


def _is_shape(value: Any) -> bool:
    tf = tf_internals.import_tensorflow()
    if isinstance(value, tf.TensorShape):
        return True
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


def shapes_from(nest: Any) -> Any:
    """Return a nest of raw shapes (tuples or lists of int or None) as a nest of `tf.TensorShape`.

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
    """Return a nest of `tf.TensorShape` as lists that JSON can hold.

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


def _infer_specs(computation: Computation, inputs: Any, training: bool) -> Any:
    """Trace the call for inputs of these specs, and return the specs that TensorFlow infers for the outputs."""
    tf = tf_internals.import_tensorflow()
    function = tf.function(lambda nest: computation(nest, training=training), autograph=False)
    return _as_specs(function.get_concrete_function(tf.nest.map_structure(spec_of, inputs)).structured_outputs)


def _as_specs(outputs: Any) -> Any:
    """Return the specs of a nest of tensors or specs; None if one is not a dense, sparse or ragged tensor."""
    tf = tf_internals.import_tensorflow()
    specs = [spec_of(leaf) for leaf in tf.nest.flatten(outputs)]
    if not all(map(tf_internals.specs.is_of_tensors, specs)):
        return None
    return tf.nest.pack_sequence_as(outputs, specs)


def _most_general_specs(alternatives: list[Any]) -> Any:
    """Return the specs that are true of all alternatives; None if there are none, or if the alternatives have other
    kinds of tensors or other structures.
    """
    tf = tf_internals.import_tensorflow()
    if not alternatives or any(specs is None for specs in alternatives):
        return None
    first, *others = alternatives
    leaves = tf.nest.flatten(first)
    for other in others:
        found = tf.nest.flatten(other)
        if [_spec_kind(spec) for spec in leaves] != [_spec_kind(spec) for spec in found]:
            return None
        shapes = map(_common_shape, leaves, found)
        leaves = [tf_internals.specs.with_shape(spec, shape) for spec, shape in zip(leaves, shapes)]
    return tf.nest.pack_sequence_as(first, leaves)


def _spec_kind(spec: Any) -> tuple[Any, ...]:
    return type(spec), tf_internals.specs.dtype_of(spec), getattr(spec, "ragged_rank", 0)


def _common_shape(spec: Any, other: Any) -> Any:
    return tf_internals.specs.shape_of(spec).most_specific_compatible_shape(tf_internals.specs.shape_of(other))


def _add_declared_shapes(specs: Any, declared: Any) -> Any:
    """Return the specs with the declared sizes. Where the two differ, the call raises an error later."""
    tf = tf_internals.import_tensorflow()
    leaves, shapes = tf.nest.flatten(specs), tf.nest.flatten(declared)
    if len(leaves) != len(shapes):
        return specs
    shapes = [
        _merge_shapes(tf_internals.specs.shape_of(spec), tf.TensorShape([None]).concatenate(s))
        for spec, s in zip(leaves, shapes)
    ]
    merged = [tf_internals.specs.with_shape(spec, shape) for spec, shape in zip(leaves, shapes)]
    return tf.nest.pack_sequence_as(specs, merged)


def _merge_shapes(shape: Any, other: Any) -> Any:
    return shape.merge_with(other) if shape.is_compatible_with(other) else shape


def _find_batch_size(inputs: Any) -> int | None:
    for leaf in tf_internals.import_tensorflow().nest.flatten(inputs):
        spec = spec_of(leaf)
        shape = None if spec is None else tf_internals.specs.shape_of(spec)
        if shape is not None and shape.rank:
            return shape.as_list()[0]  # type: ignore[no-any-return]
    return None


def _has_unknown_size(specs: Any, with_batch: bool) -> bool:
    """Return whether the rank or a size of a dense output is unknown, the batch size only `with_batch`."""
    tf = tf_internals.import_tensorflow()
    for spec in tf.nest.flatten(specs):
        if isinstance(spec, tf.TensorSpec) and (
            spec.shape.rank is None or None in spec.shape.as_list()[0 if with_batch else 1 :]
        ):
            return True
    return False
