"""`hub.load`: resolve a handle, read what the directory holds, restore it."""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable, Mapping

from rehub import config, resolvers, restore, tf_internals
from rehub import optimize as optimizing
from rehub.errors import (
    HubError,
    InvalidModule,
    InvalidSetting,
    MissingOp,
    NotTrainable,
    OptionsUnsupported,
)
from rehub.formatting import list_names
from rehub.legacy.conversions import add_module_methods, is_conversion
from rehub.redaction import label_model
from rehub.restore import LoadPolicy, LoadRequest
from rehub.savedmodel import Layout, MetaGraph, parse_tags, read_metagraphs, select_metagraph

if TYPE_CHECKING:
    from rehub.downgrade import Rewriting

_log = logging.getLogger(__name__)


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
    """Load a model, after downloading it if necessary.

    The result is what `tf.saved_model.load` makes of the model's directory. It works in TF 1.15 and in TF2, in eager
    mode, in a `tf.function`, and in a TF1 graph, whose initializers then restore the values.

    A function or signature of the result keeps alive what it needs, so you need not keep a reference to the object. A
    model in TF1 format can be called like a `hub.Module`: `model(inputs, signature=None, as_dict=False)`.

    In TF2, you can train a legacy module: `model(inputs, training=True)` runs its training graph and its UPDATE_OPS.
    The object has `trainable_variables` and `regularization_losses`.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        tags: the tags of the graph variant to load. Unset, it is the only variant. For a legacy module, which can have
            several, it is the variant without tags, and for training the variant with the tag "train".
        options: a `tf.saved_model.LoadOptions`; needs TensorFlow 2.3 or newer. If variables are on other machines, this
            machine reads the model from its own disk, unless `experimental_io_device` names another device.
        loader: what restores a TF2 SavedModel: "lazy" builds a function when it is used, so loading takes a fraction of
            the time; "tensorflow" is TensorFlow's own loader; "auto" is the lazy loader if it can restore the model,
            else TensorFlow's. Unset, it is REHUB_LOADER, or "auto". `hub.load_report` says which one was used.
        prepare: what to do with the prepared form of a TF2 SavedModel in the cache, from which weights are mapped
            instead of read: "use" it if it exists, "make" it if it does not exist, or "off". Unset, it is
            REHUB_PREPARE, or "use".
        trusted: False refuses a model with ops that could do harm, before TensorFlow reads it; True loads the model
            without a scan. Unset, it is REHUB_TRUST: "refuse", "warn" or "allow", the default. See `hub.scan`.
        optimize: "inference" returns an object with the model's signatures and functions for inference only, and
            without variables. Each function has the form that was measured to be the fastest on this machine:
            unchanged, with its variables as constants, or also in bfloat16. `hub.load_report` has the measurements,
            choices and differences.
        measure_with: inputs for these measurements, by name: tensors, arrays, or a `tf.TensorShape` for which an input
            is made up. Unset, all inputs are made up. Only with `optimize`.

    Returns:
        A trackable object with the model's functions and variables as attributes, and its `signatures`.

    Raises:
        ModelNotFound: the directory has no model; the message says what it contains.
        UnsupportedFormat: the model has another format; the message says what loads it. Or `loader` is "lazy", but only
            TensorFlow's loader can load this model here; the message says why.
        LocationUnreadable: the model is in an object store that this TensorFlow cannot read.
        CorruptModel: a file of the model is damaged.
        TagsNotFound: no variant has these tags, or `tags` must select one of several; the message lists them.
        UnsafeModel: the model has ops that could do harm, and is not trusted; the message names them.
        MissingOp: the model uses an op of a package that is not installed; the message names the package.
        OptionsUnsupported: this TensorFlow has no `LoadOptions`, or does not support `optimize` here.
        TensorFlowMissing: TensorFlow is not installed, or is older than 1.15.
    """
    policy = LoadPolicy(config.LOADER.get(loader), config.PREPARE.get(prepare), trusted, optimize, measure_with)
    _check_arguments(options, policy)
    request = _resolve_handle(handle, tags, options, policy)
    model = _read_model(request)
    obj, not_trainable = _restore_model(model)
    if optimize is not None:
        obj = optimizing.optimize_for_inference(obj, request.label, measure_with)
        not_trainable = f'{request.label!r} was loaded with optimize="inference".'
    if not_trainable is not None:
        _add_methods(obj, model, not_trainable)
    if model.rewriting is not None:
        _report_rewriting(obj, model.rewriting)
    restore.make_copyable(obj, request)
    return obj


@dataclass(frozen=True)
class _Model:
    """A model that is to be restored.

    Attributes:
        layout: the directory to restore it from: the one in the request, or a copy that was scanned or rewritten.
        files: the directory that messages name its files in.
        rewriting: what was changed for this TensorFlow; None if nothing.
    """

    request: LoadRequest
    layout: Layout
    files: Layout
    metagraphs: tuple[MetaGraph, ...]
    metagraph: MetaGraph
    tags: frozenset[str] | None
    rewriting: Rewriting | None


def _check_arguments(options: Any | None, policy: LoadPolicy) -> None:
    tf = tf_internals.import_tensorflow()
    if options is not None:
        load_options = getattr(tf.saved_model, "LoadOptions", None)
        if load_options is None:
            raise OptionsUnsupported(
                f"options= needs tf.saved_model.LoadOptions, which came with TensorFlow 2.3; this is {tf.__version__}. "
                "Leave it out, or upgrade."
            )
        if not isinstance(options, load_options):
            raise InvalidSetting(f"options= takes a tf.saved_model.LoadOptions. Received: {options!r}")
    if policy.optimize is not None:
        optimizing.check_can_optimize(policy.optimize)
    elif policy.measure_with is not None:
        raise InvalidSetting('measure_with= is for optimize="inference", which was not asked for.')


def _resolve_handle(handle: Any, tags: str | Iterable[str] | None, options: Any, policy: LoadPolicy) -> LoadRequest:
    wanted = parse_tags(tags)
    path = resolvers.resolve(handle)
    label = label_model(handle, path)
    return LoadRequest(_make_absolute(handle), str(path), label, wanted, options, policy, load)


def _make_absolute(handle: Any) -> Any:
    """Return a handle that means the same if the working directory changes."""
    if isinstance(handle, (str, bytes, os.PathLike)):
        text = os.fsdecode(handle)
        return os.path.abspath(text) if "://" not in text and os.path.exists(text) else text
    return handle


def _read_model(request: LoadRequest) -> _Model:
    """Read the graph variants of a model that is trusted, and choose the one to restore."""
    files = restore.detect_layout_anywhere(request.path, request.label)
    layout = restore.check_trust(files, request.label, request.policy.trusted)
    metagraphs = read_metagraphs(layout.file, restore.read_model(layout))
    layout, rewriting = restore.rewrite_if_newer(layout, metagraphs, request.label)
    if rewriting is not None:
        metagraphs = read_metagraphs(layout.file, restore.read_model(layout))
    tags = frozenset() if request.tags is None and layout.is_legacy else request.tags
    metagraph = select_metagraph(metagraphs, tags, request.label)
    return _Model(request, layout, files, metagraphs, metagraph, tags, rewriting)


def _restore_model(model: _Model) -> tuple[Any, str | None]:
    """Restore a model; return the object, and why it cannot be trained: None if it can, "" if that is obvious."""
    request, not_trainable = model.request, ""
    with restore.explain_damaged_files(model.files, [model.metagraph], request.label):
        if model.layout.is_legacy:
            try:
                return _restore_legacy_module(model), None
            except NotTrainable as error:
                not_trainable = str(error)
                _log.debug("%r is restored for inference: %s", request.label, not_trainable)
        obj = _trace_dropped_ops(model)
        if obj is not None:
            return obj, None
        tags = None if model.tags is None else sorted(model.tags)
        try:
            return restore.restore_model(request, model.layout.path, model.metagraph, tags), not_trainable
        except Exception as error:
            obj = _trace_refused_model(model, error)
            if obj is None:
                restore.raise_if_kernels_missing(model.metagraph.used_ops(), request.label, error)
                raise
            return obj, None


def _trace_dropped_ops(model: _Model) -> Any | None:
    """Trace the graph of a TF1 SavedModel again whose ops TensorFlow has dropped, but others can compute.

    TensorFlow's loader restores it, as it still knows some of these ops, and its functions fail when they run.

    Returns:
        The object; None if it has no such ops, or that does not help.
    """
    if model.metagraph.has_objects or model.layout.is_legacy:
        return None
    from rehub import retrain

    dropped = retrain.find_dropped_ops(model.metagraph.used_ops()) if retrain.can_retrain() else []
    if not dropped:
        return None
    return _trace_refused_model(model, MissingOp(f"This TensorFlow does not compute {list_names(dropped)}."))


def _trace_refused_model(model: _Model, error: Exception) -> Any | None:
    """Trace the graph of a TF1 SavedModel again that TensorFlow's loader refuses; None if that does not help.

    TensorFlow's loader imports all of the graph, and makes functions of its parts, for which it has more rules than a
    session of TF1: no input may be fed twice, no output may be a reference, and each op of the graph has to be known.

    Raises:
        CorruptModel: the files are damaged, which explains the error.
        MissingOp: TensorFlow has no kernels for its ops.
        InvalidModule: what runs when the model is loaded cannot be traced; names the node.
    """
    from rehub import retrain

    request = model.request
    is_refused = isinstance(error, MissingOp) or not isinstance(error, HubError)
    if model.metagraph.has_objects or model.layout.is_legacy or request.policy.loader != "auto" or not is_refused:
        return None
    restore.raise_if_damaged(model.files, [model.metagraph], request.label, error)
    if not retrain.can_retrain():
        return None
    try:
        obj = retrain.restore_traced(
            model.layout, model.metagraph, model.metagraph.tags, request.options, request.label
        )
        if not retrain.has_working_signature(obj):
            return None
    except InvalidModule as other:
        if isinstance(error, HubError):
            return None
        restore.raise_if_kernels_missing(model.metagraph.used_ops(), request.label, error)
        reason = str(error).partition("\n")[0]
        raise restore.make_joint_error(
            InvalidModule,
            [type(error)],
            f"{request.label!r} cannot be loaded. {other} TensorFlow's loader: {type(error).__name__}: {reason}",
        ) from error
    except Exception as other:  # noqa: BLE001  The error of TensorFlow's loader says more than any of these.
        _log.debug("%r cannot be traced again: %s", request.label, other)
        return None
    reason = f"TensorFlow's loader refuses it: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    _log.info("%r is traced again. %s", request.label, reason)
    restore.set_load_report(obj, restore.LoadReport("retrain", reason))
    restore.retain_for_trace(obj)
    return obj


def _restore_legacy_module(model: _Model) -> Any:
    """Restore a legacy module so that it can be trained.

    Raises:
        NotTrainable: it can only be used for inference, here or anywhere; says why.
    """
    from rehub import retrain  # It is large, and most models are not legacy modules.

    request, label = model.request, model.request.label
    if not retrain.can_retrain():
        raise NotTrainable(
            "In a graph of TF1, and in TensorFlow 1.15, a legacy module is trained by "
            f"hub.Module({label!r}, trainable=True)."
        )
    _ensure_ops(model.metagraph, label)
    for metagraph in model.metagraphs:
        if request.tags is None and metagraph.tags == retrain.TRAIN:
            try:
                _ensure_ops(metagraph, label)
            except MissingOp as error:
                raise NotTrainable(f"The graph variant for training has an op that is missing: {error}") from error
    try:
        obj = retrain.restore_traced(model.layout, model.metagraph, request.tags, request.options, label)
    except InvalidModule as error:
        raise NotTrainable(f"The graph of {label!r} cannot be traced again: {error}") from error
    restore.set_load_report(obj, restore.LoadReport("retrain"))
    restore.retain_for_trace(obj)
    return obj


def _ensure_ops(metagraph: MetaGraph, label: str) -> None:
    from rehub import retrain

    ops = metagraph.used_ops()
    restore.ensure_ops_registered(
        ops.difference(retrain.find_dropped_ops(ops)),
        label,
        written_by=metagraph.tensorflow_version,
        wanted=metagraph.nested_ops(),
    )


def _report_rewriting(obj: Any, rewriting: Rewriting) -> None:
    report = restore.load_report(obj)
    left_out = rewriting.left_out + report.left_out
    restore.set_load_report(obj, dataclasses.replace(report, rewritten=rewriting.changes, left_out=left_out))


def _add_methods(obj: Any, model: _Model, not_trainable: str) -> None:
    """Add what the restored object of a model has in rehub, beyond what TensorFlow's has."""
    label = model.request.label
    restore.set_untracked(obj, "_is_hub_module_v1", model.layout.is_legacy)  # tensorflow_hub's name for it.
    restore.list_signatures_in_errors(obj, label)
    if is_conversion(obj):
        add_module_methods(obj, label)
    restore.explain_remote_devices(label)
    restore.retain_for_trace(obj)
    if len(model.metagraphs) > 1 or not model.metagraph.has_objects:
        restore.add_v1_call(obj, model.metagraph, label, model.layout.is_legacy, not_trainable)
