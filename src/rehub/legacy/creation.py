"""Make modules: from a function that builds a graph and names its signatures, or from a TF1 SavedModel."""

from __future__ import annotations

import logging
from typing import Any, Callable, Iterable, Mapping, Sequence

from rehub import resolvers, restore, tf_internals
from rehub.errors import InvalidModule
from rehub.legacy import colocation
from rehub.legacy.attachments import write_attachments
from rehub.legacy.saved_model import GraphVariants, read_trusted_variants, variables_prefix
from rehub.legacy.spec import ModuleSpec, make_module_spec
from rehub.legacy.tensor_info import supported_types
from rehub.redaction import label_model

_log = logging.getLogger(__name__)

# A collection of the graph being built. Its key is not a string, so that TensorFlow neither lists nor exports it.
_SIGNATURES = ("rehub_module_signatures",)


def create_module_spec(
    module_fn: Callable[..., None],
    tags_and_args: Iterable[tuple[Iterable[str], Mapping[str, Any]]] | None = None,
    drop_collections: Iterable[str] | None = None,
) -> ModuleSpec:
    """Make a module from a function that builds its graph.

        def half():
            x = tf.compat.v1.placeholder(tf.float32, [None])
            hub.add_signature(inputs=x, outputs=x / 2)

        spec = hub.create_module_spec(half)

    Args:
        module_fn: called in an empty graph, in which variables are resource variables by default. It calls
            `hub.add_signature` at least once.
        tags_and_args: the graph variants of the module, each as its set of tags and the keyword arguments for
            `module_fn`. Unset, there is one, without tags and arguments.
        drop_collections: collections of the graph that the module does not need. A module keeps only some collections;
            any other must be named here, so that nothing is lost silently.

    Raises:
        InvalidModule: the graph has no signature, an unsupported collection, or a colocation constraint that cannot be
            kept when the module is used; or two variants have the same tags.
    """
    variants = GraphVariants()
    v1 = tf_internals.import_tensorflow().compat.v1
    for tags, arguments in tags_and_args or [((), {})]:
        with v1.Graph().as_default() as graph:
            with v1.variable_scope("", use_resource=True):
                module_fn(**arguments)
            for key in drop_collections or ():
                del graph.get_collection_ref(key)[:]
            colocation.check_state(graph, tags if tags_and_args else None)
            variants.add(_export_meta_graph(tags))
    return make_module_spec(variants, None, "the module of " + getattr(module_fn, "__name__", repr(module_fn)))


def _export_meta_graph(tags: Iterable[str]) -> Any:
    """Return the default graph as a MetaGraphDef, with its signatures and attached messages."""
    v1 = tf_internals.import_tensorflow().compat.v1
    # Without attributes that have their default values, older TensorFlow versions can read it that do not know them.
    meta_graph = v1.train.export_meta_graph(strip_default_attrs=True)
    meta_graph.meta_info_def.tags.extend(tags)
    signatures = v1.get_collection(_SIGNATURES)
    if not signatures:
        raise InvalidModule("No signatures present: the module_fn has to call hub.add_signature(...) at least once.")
    for name, signature in signatures:
        meta_graph.signature_def[name].CopyFrom(signature)
    write_attachments(meta_graph)
    return meta_graph


def add_signature(name: str | None = None, inputs: Any = None, outputs: Any = None) -> None:
    """Name the tensors that a module takes and returns. Call it in a `module_fn`, once for each signature.

    Args:
        name: the name of the signature; unset, "default".
        inputs: a dict of placeholders by name: dense, sparse or ragged tensors. A single placeholder is named
            "default". None means no inputs.
        outputs: a dict of tensors by name, or a single tensor, which is named "default".

    Raises:
        InvalidModule: an input or output is not a dense, sparse or ragged tensor, or an input is colocated with
            another op.
    """
    name = name or "default"
    inputs, outputs = _as_dict(inputs), _as_dict(outputs)
    tf = tf_internals.import_tensorflow()
    _check_types(name, inputs, outputs)
    for input_name, value in inputs.items():
        colocation.check_input(name, input_name, tf.nest.flatten(value, expand_composites=True))
    warning = colocation.find_signature_inputs_from_multivalued_ops(inputs)
    if warning is not None:
        _log.warning("Signature %r: %s", name, warning)
    saved_model = tf.compat.v1.saved_model
    described = [
        {key: saved_model.utils.build_tensor_info(value) for key, value in tensors.items()}
        for tensors in (inputs, outputs)
    ]
    signature = saved_model.signature_def_utils.build_signature_def(*described)
    tf.compat.v1.add_to_collection(_SIGNATURES, (name, signature))


def _as_dict(tensors: Any) -> dict[str, Any]:
    if tensors is None:
        return {}
    return tensors if isinstance(tensors, dict) else {"default": tensors}


def _check_types(signature: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    wrong = [
        f"  * {kind} {name!r} has type {type(value).__name__}"
        for kind, values in (("input", inputs), ("output", outputs))
        for name, value in sorted(values.items())
        if not isinstance(value, supported_types())
    ]
    if wrong:
        kinds = ", ".join(kind.__name__ for kind in supported_types())
        lead = f"The inputs and outputs of signature {signature!r} should have one of the types {kinds}. Received:"
        raise InvalidModule("\n".join([lead, *wrong]))


def create_module_spec_from_saved_model(
    saved_model_path: Any, drop_collections: Iterable[str] | None = None
) -> ModuleSpec:
    """Make a module from a TF1 SavedModel, so that `hub.Module` can use it and export it as a module.

    The SavedModel's own init op is ignored: variables are restored and tables are initialized as for other modules.

    Args:
        saved_model_path: a handle of the SavedModel.
        drop_collections: collections of its graphs that the module does not need. Every unsupported collection must be
            named here, so that nothing is lost silently.

    Raises:
        ModelNotFound: the directory has no SavedModel; the message says what it contains.
        CorruptModel: a file of the SavedModel is damaged.
        UnsafeModel: the SavedModel has ops that could do harm, and REHUB_TRUST refuses them.
        InvalidModule: a graph has an unsupported collection that is not dropped.
        MissingOp: a newer TensorFlow wrote the SavedModel, and it cannot be rewritten for the running one.
    """
    directory = resolvers.resolve(saved_model_path)
    label = label_model(saved_model_path, directory)
    layout = restore.detect_layout_anywhere(directory, label)
    variants = read_trusted_variants(layout, label)
    for meta_graph in variants:
        for key in {*_session_collections(), *(drop_collections or ())}:
            if key in meta_graph.collection_def:
                del meta_graph.collection_def[key]
    return make_module_spec(variants, variables_prefix(layout.path), label, layout)


def _session_collections() -> Sequence[str]:
    """Return the collections of a SavedModel about how a session begins, and how far training went."""
    tf = tf_internals.import_tensorflow()
    constants = tf.compat.v1.saved_model.constants
    return (
        tf.compat.v1.GraphKeys.GLOBAL_STEP,
        constants.LEGACY_INIT_OP_KEY,
        constants.MAIN_OP_KEY,
        "saved_model_train_op",
        "__saved_model_init_op",
    )
