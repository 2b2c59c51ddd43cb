"""`hub.load`: resolves a handle, sees what the directory holds, and has it restored."""

from __future__ import annotations

import logging
import os
from typing import Any, Iterable, Mapping

from rehub import config, resolvers, restore, tf_internals
from rehub import optimize as optimizing
from rehub.errors import (
    InvalidModule,
    InvalidSetting,
    MissingOp,
    NotTrainable,
    OptionsUnsupported,
    UnsupportedFormat,
)
from rehub.legacy.conversions import add_module_methods, is_conversion
from rehub.redaction import redact_url
from rehub.restore.ownership import keep_while_traced
from rehub.savedmodel import Layout, MetaGraph, graph_variant, read_metagraphs, tag_set

_LOGGER = logging.getLogger(__name__)


@tf_internals.tracing.no_autograph
def load(
    handle: Any,
    tags: str | Iterable[str] | None = None,
    options: Any | None = None,
    *,
    loader: str | None = None,
    prepare: str | None = None,
    trusted: bool | None = None,
    optimize: str | None = None,
    measure_with: Mapping[str, Any] | None = None,
) -> Any:
    """Loads a model, and downloads it before if need be.

    The result is what `tf.saved_model.load` makes of the model's directory. It works alike in TF 1.15 and in TF2, in
    eager mode, in a `tf.function`, and in a TF1 graph, whose initializers then restore the values.

    Whoever holds a function or signature of the result holds what the function needs: the object itself need not be
    kept. A model in TF1 format can be called like a `hub.Module`: `model(inputs, signature=None, as_dict=False)`.

    A legacy module is, in TF2, an object that can be trained: `model(inputs, training=True)` is what its graph for
    training computes, and runs its UPDATE_OPS; `trainable_variables` and `regularization_losses` are there too.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        tags: the set of strings that names the graph variant to load. Unset, it is the only one there is; of a legacy
            module, which can have several, the one with the empty set, and for training the one with the tag "train".
        options: a `tf.saved_model.LoadOptions`; needs TensorFlow 2.3 or newer. Where variables lie on other machines,
            a model of this machine is read here unless they say otherwise by `experimental_io_device`.
        loader: what restores a TF2 SavedModel: "lazy" builds a function when it is used, which takes a fraction of the
            time; "tensorflow" is TensorFlow's own loader; "auto" the first where it can do it, else the other. Unset,
            it is what REHUB_LOADER says, or "auto". `hub.load_report` tells which it was.
        prepare: what is done about the prepared form of a TF2 SavedModel, in the cache, from which weights are mapped
            instead of read: "use" it where it is there, "make" it if it is not, or leave it "off". Unset, it is what
            REHUB_PREPARE says, or "use".
        trusted: False refuses a model with ops that could do harm, before TensorFlow sees it; True loads it without a
            look. Unset, it is what REHUB_TRUST says: "refuse", "warn" or "allow", which is the default. See `hub.scan`.
        optimize: "inference" returns an object with the model's signatures and functions for inference only, each in
            the form that is measured to be the fastest here: as it is, with its variables as constants, or in
            bfloat16 too. It has no variables. `hub.load_report` tells what was measured, chosen, and the difference.
        measure_with: what to measure with instead of made-up inputs: the name of an input, and a tensor, an array, or
            a `tf.TensorShape` to make it up in. Only with `optimize`.

    Returns:
        A trackable object with the model's functions and variables as attributes, and its `signatures`.

    Raises:
        ModelNotFound: there is no model; says what is there instead.
        UnsupportedFormat: there is a model of another kind; says what loads it. Or only TensorFlow's loader can load
            this model, here or now, and `loader` is "lazy"; says why.
        LocationUnreadable: it is in an object store that this TensorFlow cannot read from.
        CorruptModel: the model's file is damaged.
        TagsNotFound: there is no variant with these tags, or `tags` has to be given; lists those there are.
        UnsafeModel: the model has ops that could do harm, and is not trusted; names them.
        MissingOp: the model uses an op of a package that is not installed; names it.
        OptionsUnsupported: this TensorFlow has no `LoadOptions`, or cannot optimize, here or at all.
        TensorFlowMissing: TensorFlow is not installed, or is older than 1.15.
    """
    tf = tf_internals.import_tensorflow()
    _check_options(tf, options)
    loader, prepare = config.loader(loader), config.prepare(prepare)
    if optimize is not None:
        optimizing.check_can_optimize(tf, optimize)
    elif measure_with is not None:
        raise InvalidSetting('measure_with= is what optimize="inference" measures with, which was not asked for.')
    wanted = tag_set(tags)
    path = resolvers.resolve(handle)
    asked = redact_url(handle) if isinstance(handle, str) else str(path)
    layout = restore.check_trust(tf, restore.look_at(tf, path, asked), asked, trusted)
    metagraphs = read_metagraphs(layout.file, restore.read_model(tf, layout))
    if wanted is None and layout.is_legacy:
        wanted = frozenset()
    metagraph = graph_variant(metagraphs, wanted, asked)
    _check_signatures(tf, metagraph, asked)
    request = restore.LoadRequest(
        load_copy,
        _absolute(handle),
        str(path),
        asked,
        {
            "tags": None if tags is None or wanted is None else sorted(wanted),
            "options": options,
            "loader": loader,
            "prepare": prepare,
            "trusted": trusted,
            "optimize": optimize,
            "measure_with": measure_with,
        },
    )
    untrainable = "" if optimize is None else f'{asked!r} was loaded with optimize="inference".'
    obj = None
    with restore.naming_damaged_files(tf, layout, [metagraph], asked):
        if layout.is_legacy:
            try:
                obj = _load_legacy(tf, layout, metagraphs, metagraph, tag_set(tags), options, asked)
                if optimize is None:
                    restore.make_copyable(obj, request)
                    return obj
            except NotTrainable as reason:
                untrainable = str(reason)
                _LOGGER.debug("%r is handed over to TensorFlow's loader: %s", asked, untrainable)
        if obj is None:
            wanted_tags = None if wanted is None else sorted(wanted)
            obj = restore.restore(tf, layout.path, asked, metagraph, wanted_tags, options, loader, prepare)
    if optimize is not None:
        obj = optimizing.optimize_for_inference(tf, obj, asked, measure_with)
    restore.note(obj, "_is_hub_module_v1", layout.is_legacy)  # Under this name tensorflow_hub's users know it.
    restore.list_known_signatures(obj, asked)
    if is_conversion(obj):
        add_module_methods(obj, asked)
    restore.explain_remote_devices(tf, asked)
    keep_while_traced(tf, obj)
    if len(metagraphs) > 1 or not metagraph.has_objects:
        restore.make_callable(tf, obj, metagraph, asked, layout.is_legacy, untrainable)
    restore.make_copyable(obj, request)
    return obj


def load_copy(handle: Any, **arguments: Any) -> Any:
    """Load a model for a copy of a restored object; under this name pickles find it."""
    return load(handle, **arguments)


def _absolute(handle: Any) -> Any:
    """A handle that still means the same where the working directory is another."""
    if isinstance(handle, (str, bytes, os.PathLike)):
        text = os.fsdecode(handle)
        return os.path.abspath(text) if "://" not in text and os.path.exists(text) else text
    return handle


def _load_legacy(
    tf: Any,
    layout: Layout,
    metagraphs: tuple[MetaGraph, ...],
    inference: MetaGraph,
    tags: frozenset[str] | None,
    options: Any,
    handle: str,
) -> Any:
    """Restores a legacy module so that it can be trained.

    Raises:
        NotTrainable: it can only be used for inference, here or anywhere; says why.
    """
    from rehub import retrain  # It is large, and most models are not legacy modules.

    if not retrain.can_retrain():
        raise NotTrainable(
            "In a graph of TF1, and in TensorFlow 1.15, a legacy module is trained by "
            f"hub.Module({handle!r}, trainable=True)."
        )
    _ensure_ops(tf, inference, handle)
    for metagraph in metagraphs:
        if tags is None and metagraph.tags == retrain.TRAIN:
            try:
                _ensure_ops(tf, metagraph, handle)
            except MissingOp as error:
                raise NotTrainable(f"The graph variant for training has an op that is missing: {error}") from error
    try:
        obj = retrain.restore_legacy_module(layout, inference, tags, options, handle)
    except InvalidModule as error:
        raise NotTrainable(f"The graph of {handle!r} cannot be traced again: {error}") from error
    restore.report_on(obj, restore.LoadReport("retrain"))
    keep_while_traced(tf, obj)
    return obj


def _ensure_ops(tf: Any, metagraph: MetaGraph, handle: str) -> None:
    restore.ensure_ops_registered(
        tf,
        metagraph.used_ops(),
        handle,
        written_by=metagraph.tensorflow_version,
        wanted=metagraph.nested_ops(),
    )


def _check_options(tf: Any, options: Any | None) -> None:
    if options is None:
        return
    load_options = getattr(tf.saved_model, "LoadOptions", None)
    if load_options is None:
        raise OptionsUnsupported(
            f"options= needs tf.saved_model.LoadOptions, which came with TensorFlow 2.3; this is {tf.__version__}. "
            "Leave it out, or upgrade."
        )
    if not isinstance(options, load_options):
        raise InvalidSetting(f"options= takes a tf.saved_model.LoadOptions. Received: {options!r}")


def _check_signatures(tf: Any, metagraph: MetaGraph, handle: str) -> None:
    if metagraph.has_objects or tf_internals.parse_version(tf.__version__) >= (2, 0):
        return
    for signature in metagraph.signatures:
        for slot in signature.inputs:
            if slot.kind != "dense":
                raise UnsupportedFormat(
                    f"{handle!r} cannot be loaded by TensorFlow {tf.__version__}: input {slot.name!r} of its signature "
                    f"{signature.name!r} is a {slot.kind} tensor, which came to tf.saved_model.load with TensorFlow 2."
                )
