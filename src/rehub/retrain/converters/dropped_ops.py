"""Ops of TensorFlow 1 that newer versions do not have, or have no kernels for, computed by other ops."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from rehub import tf_internals
from rehub.retrain.context import Context, Converter, Scope
from rehub.retrain.graph import Node


def _convert_gather_tree(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Return the sequences of a beam search (contrib/seq2seq/kernels/beam_search_ops.cc), with ids [time, batch, beam].

    A sequence is followed from its last step to its first. After its first end token, it has only these.
    """
    tf = tf_internals.import_tensorflow()
    step_ids, parent_ids, lengths, end_token = context.get_input_tensors(node, scope)
    times, batches, beams = tf.unstack(tf.shape(step_ids))
    lengths = tf.minimum(tf.cast(lengths, tf.int32), times)
    start = tf.tile(tf.range(beams)[None], [batches, 1])
    ended = tf.fill([batches, beams], end_token)

    def follow_parents(time: Any, beam: Any, found: Any) -> Any:
        is_inside = (time < lengths)[:, None]
        step = tf.where(is_inside, tf.gather(step_ids[time], beam, batch_dims=1), ended)
        parent = tf.where(is_inside, tf.gather(parent_ids[time], beam, batch_dims=1), beam)
        return time - 1, parent, found.write(time, step)

    array = tf.TensorArray(step_ids.dtype, times, element_shape=[None, None])
    _, _, array = tf.while_loop(lambda time, *_: time >= 0, follow_parents, [times - 1, start, array])
    found = tf.reshape(array.stack(), tf.shape(step_ids))
    is_ended = tf.cumsum(tf.cast(found == end_token, tf.int32), exclusive=True) > 0
    sequences = tf.where(is_ended, end_token, found)
    sequences.set_shape(step_ids.shape)
    return [sequences]


def _convert_projective_transform(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Return images as large as they were, from `tf.contrib.image.transform` and `rotate`."""
    tf = tf_internals.import_tensorflow()
    images, transforms = context.get_input_tensors(node, scope)
    output = tf.raw_ops.ImageProjectiveTransformV2(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        interpolation=node.attr["interpolation"].s.decode(),
    )
    output.set_shape(images.shape)
    return [output]


CONVERTERS: dict[str, Converter] = {
    "GatherTree": _convert_gather_tree,
    "ImageProjectiveTransform": _convert_projective_transform,
}


def find_dropped_ops(ops: Iterable[str]) -> list[str]:
    """Return those ops that the running TensorFlow cannot compute, and which are traced as others."""
    names = [op for op in ops if op in CONVERTERS]
    return sorted({*tf_internals.ops.missing_ops(names), *tf_internals.ops.ops_without_kernels(names)})
