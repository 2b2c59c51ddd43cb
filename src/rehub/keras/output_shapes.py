"""The shapes and dtypes of a layer's outputs, told before anything is computed (pain 24).

They come from the user's `output_shape=`, else from the trace that the inputs will reach, else, for dimensions that
a trace leaves open, from a call of the function on zeros.
"""

from __future__ import annotations

import json
import re
from typing import Any

from rehub.errors import NotSerializable
from rehub.keras.computation import Computation
from rehub.keras.inputs import first_compatible
from rehub.keras.traces import Trace
from rehub.restore import spec_of
from rehub.tf_internals import import_tensorflow

# Calling a function with one of these only to learn a shape would be noticed: state, files or random sequences change.
_CHANGES_STATE = re.compile(
    r"Assign|Scatter|ResourceApply|TableInsert|TableRemove|TableImport|Enqueue|Write(File|Summary)|Save|Print|PyFunc|"
    r"Random|Multinomial"
)


def output_specs(
    computation: Computation, inputs: Any, output_shape: Any = None, *, with_batch: bool = False
) -> Any | None:
    """Returns a nest of `tf.TypeSpec`s in the structure of the layer's output, or None if only a call can tell.

    Args:
        computation: what the layer computes.
        inputs: a nest of tensors, symbolic tensors or specs.
        output_shape: the layer's `output_shape=` as a nest of `tf.TensorShape` without the batch dimension.
        with_batch: whether a batch size that is known should show in the outputs; that may take a call to find out.
    """
    trace = first_compatible(inputs, computation.candidates(training=False))
    specs = None if trace is None else _specs_of(computation, trace)
    if output_shape is not None:
        return _declared(output_shape, _batch_size(inputs), specs)
    batch_size = _batch_size(inputs)
    if trace is None or specs is None or not _leaves_open(specs, with_batch and batch_size is not None):
        return specs
    return _measured(computation, trace, inputs, specs)


def shape_specs(computation: Computation, input_shape: Any) -> Any:
    """Input shapes, as Keras hands them around, as a nest of `tf.TensorSpec`; dtypes are those of the first trace
    of the same structure.
    """
    tf = import_tensorflow()
    for trace in computation.traces:
        specs = _shapes_like(input_shape, trace.inputs)
        if specs is not None:
            return specs
    return tf.nest.map_structure(lambda shape: tf.TensorSpec(shape, tf.float32), shapes_from(input_shape))


def _shapes_like(shapes: Any, expected: Any) -> Any | None:
    """`shapes` as specs in the structure of `expected`, or None if the structures differ."""
    tf = import_tensorflow()
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
    if not hasattr(expected, "dtype") or not _is_shape(shapes):
        return None
    return tf.TensorSpec(shapes, expected.dtype)


def _is_shape(value: Any) -> bool:
    tf = import_tensorflow()
    if isinstance(value, tf.TensorShape):
        return True
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


def shapes_from(nest: Any) -> Any:
    """A nest of raw shapes (tuples or lists of int or None) as a nest of `tf.TensorShape`.

    Raises:
        TypeError: something in the nest is neither a shape nor a dict, list or tuple.
    """
    tf = import_tensorflow()
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


def _specs_of(computation: Computation, trace: Trace) -> Any:
    tf = import_tensorflow()
    outputs = computation.pick_output(trace.outputs)
    return None if any(spec_of(leaf) is None for leaf in tf.nest.flatten(outputs)) else outputs


def _batch_size(inputs: Any) -> int | None:
    for leaf in import_tensorflow().nest.flatten(inputs):
        spec = spec_of(leaf)
        if spec is not None and spec.shape.rank:
            return spec.shape.as_list()[0]  # type: ignore[no-any-return]
    return None


def _declared(output_shape: Any, batch_size: int | None, specs: Any) -> Any:
    tf = import_tensorflow()
    dtypes = iter([spec.dtype for spec in tf.nest.flatten(specs)] if specs is not None else [])
    return tf.nest.map_structure(
        lambda shape: tf.TensorSpec(tf.TensorShape([batch_size]).concatenate(shape), next(dtypes, tf.float32)),
        output_shape,
    )


def _leaves_open(specs: Any, with_batch: bool) -> bool:
    """Whether the rank or a dimension of a dense output is unknown; the batch dimension counts only if asked for."""
    tf = import_tensorflow()
    for spec in tf.nest.flatten(specs):
        if isinstance(spec, tf.TensorSpec) and (
            spec.shape.rank is None or None in spec.shape.as_list()[0 if with_batch else 1 :]
        ):
            return True
    return False


def _measured(computation: Computation, trace: Trace, inputs: Any, specs: Any) -> Any:
    """Fills the open dimensions by calling the function on zeros, with a batch of one and a batch of two examples:
    a dimension that is the same in both does not depend on the batch, and one that is 1 and 2 follows it.
    """
    tf = import_tensorflow()
    if not _can_be_tried(trace, inputs):
        return specs
    with tf.init_scope():
        if not tf.executing_eagerly():
            return specs
        results = [computation(_zeros(inputs, trace.inputs, batch_size), training=False) for batch_size in (1, 2)]
    flat = [[tf.TensorShape(tensor.shape) for tensor in tf.nest.flatten(result)] for result in results]
    shapes = iter([_merged(of_one, of_two, _batch_size(inputs)) for of_one, of_two in zip(*flat)])
    return tf.nest.map_structure(
        lambda spec: tf.TensorSpec(next(shapes), spec.dtype) if isinstance(spec, tf.TensorSpec) else spec, specs
    )


def _can_be_tried(trace: Trace, inputs: Any) -> bool:
    """Whether zeros of the inputs' shapes can be made, and calling the function leaves no trace in its state."""
    tf = import_tensorflow()
    if tf.distribute.has_strategy():  # a function restored under a strategy can only be called in its replicas
        return False
    for leaf in tf.nest.flatten(inputs):
        spec = spec_of(leaf)
        if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None or None in spec.shape.as_list()[1:]:
            return False
    graph = trace.graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    return not any(_CHANGES_STATE.search(node.op) for body in bodies for node in body)


def _zeros(inputs: Any, traced: Any, batch_size: int) -> Any:
    """Zeros in the shapes of the inputs, with this batch size where the trace leaves it open."""
    tf = import_tensorflow()

    def zeros(leaf: Any, spec: Any) -> Any:
        received = spec_of(leaf)
        sizes: list[Any] = received.shape.as_list()
        if sizes and (spec.shape.rank is None or spec.shape.as_list()[0] is None):
            sizes[0] = batch_size
        return tf.zeros(sizes, received.dtype)

    leaves = [zeros(leaf, spec) for leaf, spec in zip(tf.nest.flatten(inputs), tf.nest.flatten(traced))]
    return tf.nest.pack_sequence_as(inputs, leaves)


def _merged(of_one: Any, of_two: Any, batch_size: int | None) -> Any:
    """The output's shape for a batch of `batch_size`, told by those for batches of one and of two."""
    tf = import_tensorflow()
    if of_one.rank != of_two.rank:
        return tf.TensorShape(None)
    sizes = []
    for one, two in zip(of_one.as_list(), of_two.as_list()):
        follows_batch = (one, two) == (1, 2)
        sizes.append(batch_size if follows_batch else one if one == two else None)
    return tf.TensorShape(sizes)
