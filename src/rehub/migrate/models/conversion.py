"""`hub.convert`: write a model of TF1 as a TF2 SavedModel that can be trained without rehub."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable

from rehub import resolvers, restore, tf_internals
from rehub.errors import InvalidSetting, NotTrainable, SignatureNotFound, TagsNotFound, UnsupportedFormat
from rehub.legacy.ops import register_graph_ops
from rehub.legacy.saved_model import GraphVariants, explain_missing_variant, read_variants, variables_prefix
from rehub.migrate.models.exported import build_saved_object
from rehub.redaction import label_model
from rehub.restore import SignatureCall
from rehub.restore.export_target import check_target, stage_export
from rehub.retrain import find_dropped_ops
from rehub.retrain.module_graph import ModuleGraph
from rehub.retrain.signature_functions import SignatureFunctions
from rehub.savedmodel import Layout, read_metagraphs, select_metagraph

if TYPE_CHECKING:
    from rehub.migrate.models.comparison import Comparison


@dataclass(frozen=True)
class Conversion:
    """The report of `hub.convert`: what it found, kept and compared.

    Attributes:
        handle: the handle of the converted model.
        directory: where the new model is.
        kind: "legacy module" or "TF1 SavedModel".
        signatures: the names of the signatures, the default one first.
        variables: the number of variables. Each part of a partitioned variable counts.
        trainable_variables: the number of trainable variables.
        parameters: the number of values in all variables.
        update_ops: the number of ops that change statistics in training.
        regularization_losses: the number of regularization losses.
        tables: the names of the lookup tables.
        assets: the names of the model's files, such as the files that fill tables.
        attached_messages: the keys of the messages that the author attached.
        left_out: what could not be kept, each with the reason.
        comparisons: how much the results of the new model differ from those of the original in TF1.
    """

    handle: str
    directory: str
    kind: str
    signatures: tuple[str, ...]
    variables: int
    trainable_variables: int
    parameters: int
    update_ops: int
    regularization_losses: int
    tables: tuple[str, ...]
    assets: tuple[str, ...]
    attached_messages: tuple[str, ...]
    left_out: tuple[str, ...]
    comparisons: tuple[Comparison, ...]


def convert(
    handle: Any,
    directory: Any,
    signature: str | None = None,
    tags: str | Iterable[str] | None = None,
    overwrite: bool = False,
    sample_inputs: Any = None,
) -> Conversion:
    """Write a legacy module or a TF1 SavedModel as a TF2 SavedModel that works without rehub.

    The result is a Reusable SavedModel (tensorflow.org/hub/reusable_saved_models): plain `tf.saved_model.load` restores
    an object that you call as `model(inputs, training=False, signature=None, as_dict=False, update_ops=True)`, with
    `variables`, `trainable_variables` and `regularization_losses`. Its endpoints `serve` and `train` are for Keras'
    TFSMLayer. Before anything is written to the directory, the outputs, gradients and updates of the new model are
    compared with those of the original in a TF1 session.

        hub.convert("models/legacy", "models/new")
        model = tf.saved_model.load("models/new")

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        directory: where to write: a local path, or a URL in an object store.
        signature: the name of the default signature. Unset, it is "default" for a legacy module, and "serving_default"
            or the only signature for a TF1 SavedModel.
        tags: the tags of the graph variant to convert. Unset, it is the only variant. For a legacy module, it is the
            variant without tags, and for training the variant with the tag "train".
        overwrite: whether to replace an existing model.
        sample_inputs: by signature, the inputs for the comparison: a value, or a dict of values by name. Unset, they
            are made up from the dtypes and shapes.

    Returns:
        A report of what was found, kept and compared.

    Raises:
        ExportTargetTaken: `directory` is not empty, and `overwrite` is not set.
        UnsupportedFormat: the model is a TF2 SavedModel already, or has another format.
        UnsafeModel: the model has ops that could do harm, and REHUB_TRUST refuses them.
        TagsNotFound, SignatureNotFound: there is no such variant or signature; the message lists those that exist.
        InvalidModule: the graph cannot be traced; the message names the node.
        ConversionFailed: the results of the two models differ. Nothing was written.
    """
    from rehub.migrate.models.comparison import compare_models  # It needs NumPy, which is installed with TensorFlow.

    tf = tf_internals.import_tensorflow()
    if not tf.executing_eagerly() or not hasattr(tf, "__internal__"):
        raise NotTrainable("hub.convert needs eager mode of TensorFlow 2: it writes functions of TF2.")
    target = check_target(directory, overwrite)
    path = resolvers.resolve(handle)
    label = label_model(handle, path)
    layout = restore.check_trust(restore.detect_layout_anywhere(path, label), label)
    metagraphs = read_metagraphs(layout.file, restore.read_model(layout))
    if any(each.has_objects for each in metagraphs):
        raise UnsupportedFormat(f"{label!r} is a TF2 SavedModel already. There is nothing to convert.")
    rewritten, _ = restore.rewrite_if_newer(layout, metagraphs, label)
    variants = read_variants(rewritten, layout.path)
    chosen = _choose_tags(variants, layout, tags, label)
    with tf_internals.suppress_deprecations_and_infos():
        for meta_graph in variants:
            register_graph_ops(meta_graph, label, _find_unneeded_ops(meta_graph))
        inference = select_metagraph(metagraphs, chosen or frozenset(), label)
        with restore.explain_damaged_files(layout, [inference], label):
            functions = SignatureFunctions(variants, chosen, variables_prefix(layout.path), "", repr(label))
            root, left_out = build_saved_object(functions, _make_call(functions, signature, layout, label))
        with stage_export(target, overwrite) as staging:
            tf.saved_model.save(root, staging, signatures=root.signatures_to_save)
            comparisons = compare_models(layout.path, staging, functions, sample_inputs or {}, label)
    state = functions.state
    return Conversion(
        handle=label,
        directory=target,
        kind="legacy module" if layout.is_legacy else "TF1 SavedModel",
        signatures=root.signature_names,
        variables=len(state.variables),
        trainable_variables=sum(variable.trainable for variable in state.variables.values()),
        parameters=sum(int(variable.shape.num_elements() or 0) for variable in state.variables.values()),
        update_ops=len(functions.training.members_of("update_ops")),
        regularization_losses=len(root.regularization_losses),
        tables=tuple(state.tables),
        assets=tuple(posixpath.basename(asset) for asset in state.assets),
        attached_messages=tuple(functions.attached_messages()),
        left_out=tuple(left_out),
        comparisons=tuple(comparisons),
    )


def _find_unneeded_ops(meta_graph: Any) -> set[str]:
    """Return the ops of a graph that no signature needs, and those in whose place others are traced."""
    graph = ModuleGraph(meta_graph)
    ops = {node.op for node in meta_graph.graph_def.node}
    needed = {op for name in graph.signature_names() for op in graph.ops_of(name)}
    return (ops - needed).union(find_dropped_ops(ops))


def _make_call(functions: SignatureFunctions, signature: str | None, layout: Layout, label: str) -> SignatureCall:
    try:
        return functions.make_call(signature, layout.is_legacy, label)
    except SignatureNotFound as error:
        if signature is not None:
            raise
        raise SignatureNotFound(
            f"{label!r} has no default signature, by which the new model would be called; it has: "
            f"{', '.join(functions.inference.signature_names())}. Choose one: hub.convert(..., signature=...), or "
            "rehub convert --signature NAME."
        ) from error


def _choose_tags(
    variants: GraphVariants, layout: Layout, tags: str | Iterable[str] | None, label: str
) -> frozenset[str] | None:
    """Return the tags of the variant to convert; None for the two variants of a legacy module, for each mode one."""
    if tags is not None:
        wanted = frozenset([tags] if isinstance(tags, str) else tags)
        if not all(isinstance(tag, str) for tag in wanted):
            raise InvalidSetting(f"tags= takes a set of strings. Received: {tags!r}")
        variants.with_tags(wanted)
        return wanted
    if layout.is_legacy:
        variants.with_tags(None)
        return None
    if len(variants.tags()) > 1:
        raise TagsNotFound(
            f"{label!r} has several variants; choose one. " + explain_missing_variant([], variants.tags())
        )
    return variants.tags()[0]
