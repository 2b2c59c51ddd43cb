"""Gradients of ops that TensorFlow 1.15 has, and whose gradients it does not have, or not yet.

Programs of 1.15 do not make these ops, as `tf.einsum` is other ops there; models of TensorFlow 2 hold them.
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals


def register_missing_gradients() -> None:
    """Register the gradients of functional loops, Einsum and RaggedTensorToTensor, if this TensorFlow has none."""
    tf_internals.ops.register_gradients_of_loops()
    for op, function in (("Einsum", differentiate_einsum), ("RaggedTensorToTensor", differentiate_ragged_to_tensor)):
        if not tf_internals.ops.has_gradient(op):
            tf_internals.import_tensorflow().RegisterGradient(op)(function)


def differentiate_einsum(op: Any, gradient: Any) -> list[Any]:
    """Return the gradients of the one or two operands of an Einsum.

    The gradient of `a` in `ab,bc->ac` is `ac,bc->ab`. Labels that only one operand has are summed over, so its gradient
    is the same along them.

    Raises:
        LookupError: an operand has a label twice, or dimensions in an ellipsis that are not known or broadcast.
    """
    tf = tf_internals.import_tensorflow()
    *labels, result = _expand_ellipses(op)
    found = []
    for index, (operand, own) in enumerate(zip(op.inputs, labels)):
        others = [pair for place, pair in enumerate(zip(labels, op.inputs)) if place != index]
        kept = "".join(label for label in own if any(label in each for each in (result, *(each for each, _ in others))))
        equation = f"{','.join([result, *(each for each, _ in others)])}->{kept}"
        part = tf.raw_ops.Einsum(inputs=[gradient, *(tensor for _, tensor in others)], equation=equation)
        shape = tf.shape(operand)
        # The shape is an error if a size that was not known turns out to broadcast.
        part = tf.reshape(part, tf.where([label in kept for label in own], shape, tf.ones_like(shape)))
        found.append(tf.broadcast_to(part, shape))
    return found


def differentiate_ragged_to_tensor(op: Any, gradient: Any) -> list[Any]:
    """Return the gradients of the inputs of a RaggedTensorToTensor: its shape, values, default and row partitions.

    The same op with numbers for the values says which value is at each place of the output.
    """
    tf = tf_internals.import_tensorflow()
    shape, values, default, *partitions = op.inputs
    rank = tf.rank(gradient) - tf.rank(values) + 1
    # A shape that is a number is -1, which the op has to see when the graph is made.
    shape = tf.constant(-1, shape.dtype) if shape.shape.ndims == 0 else shape[:rank]
    numbers = tf.raw_ops.RaggedTensorToTensor(
        shape=shape,
        values=tf.range(tf.shape(values)[0]),
        default_value=-1,
        row_partition_tensors=partitions,
        row_partition_types=op.get_attr("row_partition_types"),
    )
    numbers = tf.reshape(numbers, [-1])
    parts = tf.reshape(gradient, tf.concat([tf.shape(numbers), tf.shape(values)[1:]], 0))
    of_values = tf.math.unsorted_segment_sum(parts, numbers, tf.shape(values)[0])  # It drops those of -1.
    of_default = tf.reduce_sum(tf.boolean_mask(parts, numbers < 0), 0)
    repeated, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(default), s1=tf.shape(of_default))
    of_default = tf.reshape(tf.reduce_sum(of_default, repeated), tf.shape(default))
    return [None, of_values, of_default, *[None for _ in partitions]]


def _expand_ellipses(op: Any) -> list[str]:
    """Return the labels of each operand and of the result, with one for each dimension in an ellipsis."""
    left, _, right = op.get_attr("equation").decode().replace(" ", "").partition("->")
    texts, tensors = [*left.split(","), right], [*op.inputs, *op.outputs]
    unused = [label for label in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if label not in left]
    expanded, sizes = [], set()
    for text, tensor in zip(texts, tensors):
        if "..." in text:
            if tensor.shape.ndims is None:
                raise LookupError(f"Einsum {op.name!r} has an ellipsis, and an input without a known rank")
            count = tensor.shape.ndims - len(text.replace("...", ""))
            start = text.index("...")
            sizes.add(tuple(tensor.shape.as_list()[start : start + count]))
            text = text.replace("...", "".join(unused[-count:]) if count else "")
        if len(set(text)) < len(text):
            raise LookupError(f"Einsum {op.name!r} takes a diagonal, whose gradient is not known here")
        expanded.append(text)
    if len({len(each) for each in sizes}) > 1 or any(1 in pair and len(set(pair)) > 1 for pair in zip(*sizes)):
        raise LookupError(f"Einsum {op.name!r} broadcasts, whose gradient is not known here")
    return expanded
