"""Check whether a model can be loaded lazily, and load it."""

from __future__ import annotations

import contextlib
import functools
import warnings
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

from rehub import tf_internals
from rehub.restore import prepared
from rehub.restore.lazy.model_file import ModelFile, is_function, read_model_file
from rehub.restore.lazy.objects import set_untracked
from rehub.restore.local_io import with_local_io
from rehub.restore.remote_directories import detect_layout_anywhere, read_model
from rehub.restore.unknown_optimizers import make_optimizers_restorable
from rehub.restore.weights import WeightReader, map_plain_variables


class LazyLoadUnsupported(Exception):
    """Only TensorFlow's loader can restore a model, here or now; says why. Raised before any side effect."""


def load_lazily(
    path: str,
    tags: list[str] | None,
    options: Any | None,
    ensure_ops: Callable[[Iterable[str]], None],
    prepare: str = "off",
) -> tuple[Any, str, tuple[str, ...]]:
    """Return what `tf.saved_model.load` makes of a directory, with functions that are built when they are used.

    Args:
        path: a directory with a SavedModel of one MetaGraph, which has an object graph.
        tags: the tag set of that MetaGraph, or None.
        ensure_ops: registers the ops that the functions use; raises MissingOp where it cannot.
        prepare: what is done with the model's prepared form: "use", "make" or "off".

    Returns:
        The object; the directory of the prepared form from which its weights are mapped, "" if they are not; and what
        was left out.

    Raises:
        LazyLoadUnsupported: only TensorFlow's loader can restore it.
    """
    tf = tf_internals.import_tensorflow()
    reason = _why_not_lazy(options)
    if reason is not None:
        raise LazyLoadUnsupported(reason)
    options = with_local_io(path, options) or tf.saved_model.LoadOptions()
    file, content = _read_content(path)
    model = _parse_model(file, content)
    debug_info = tf_internals.protos.read_debug_info(path)
    if debug_info.traces:
        raise LazyLoadUnsupported("it has debug information, which names every function")
    _check_model(path, model, tags)
    left_out = make_optimizers_restorable(model.metagraph)
    nodes = model.metagraph.object_graph_def.nodes
    directory, form = _find_form(path, content, nodes, prepare)
    with tf.init_scope(), contextlib.ExitStack() as stack:
        is_simple = _is_simple(nodes)
        keys, weights, is_mapped = None, None, False
        if is_simple and tf_internals.variables.can_make_directly(options):
            keys = map_plain_variables(path, nodes) if form is None else {v.node_id: v.key for v in form.variables}
        if keys is not None:
            is_mapped = form is not None and tf_internals.variables.has_only_cpus()
            mapped = form.values() if form is not None and is_mapped else {}
            variables = {key: nodes[node_id].variable for node_id, key in keys.items()}
            weights = stack.enter_context(WeightReader(path, variables, mapped))
        # Weights are read in the meantime.
        ops = model.functions.ops() if form is None else form.ops
        ensure_ops(ops)
        stack.enter_context(tf_internals.tracing.run_ops_directly())
        from rehub.restore.lazy.loader_class import LazyLoader  # It derives from TensorFlow's.

        root = LazyLoader(path, model, options, is_simple, keys or {}, weights).get(0)
    # Without traces, no names of functions in the debug information need translating.
    set_untracked(root, "graph_debug_info", debug_info)
    set_untracked(root, "tensorflow_version", model.metagraph.meta_info_def.tensorflow_version)
    set_untracked(root, "tensorflow_git_version", model.metagraph.meta_info_def.tensorflow_git_version)
    if prepare == "make" and form is None and directory is not None and keys:
        prepared.write_form(path, directory, ops, keys)
    return root, str(directory) if is_mapped else "", left_out


def _why_not_lazy(options: Any | None) -> str | None:
    """Return why no model can be loaded lazily here and now; None if it can."""
    incompatibility = tf_internals.loader.find_incompatibility()
    if incompatibility is not None:
        _warn_once(incompatibility)
        return incompatibility
    if tf_internals.v1_graphs.is_building_v1_graph():
        return "the program builds a graph of TF1"
    if tf_internals.import_tensorflow().distribute.has_strategy():
        return "variables are made by a distribution strategy"
    if getattr(options, "experimental_load_function_aliases", False):
        return "aliases of functions are asked for"
    return None


@functools.lru_cache(maxsize=None)
def _warn_once(incompatibility: str) -> None:
    # TensorFlow 1.15 is known to have another loader.
    if tf_internals.tensorflow_version() >= (2, 0):
        version = tf_internals.import_tensorflow().__version__
        warnings.warn(
            f"TensorFlow {version} is not as rehub knows it ({incompatibility}): models are loaded by TensorFlow's own "
            "loader, which takes longer. A newer rehub may know it.",
            stacklevel=2,
        )


def _read_content(path: str) -> tuple[str, bytes]:
    """Return the path of the model's file, and its content as the bytes of a `saved_model.pb`."""
    layout = detect_layout_anywhere(path, path)
    # A copy: functions are parsed when they are used, and the file may have changed by then.
    return layout.file, read_model(layout)[:]


def _parse_model(file: str, content: bytes) -> ModelFile:
    """Parse the model's file, but for its functions. TensorFlow parses all of a file that is written unusually.

    Raises:
        LazyLoadUnsupported: it has several MetaGraphs.
    """
    model = read_model_file(file, content)
    if model is not None:
        return model
    saved_model = tf_internals.protos.parse_message("SavedModel", content)
    if saved_model is None or len(saved_model.meta_graphs) != 1:
        raise LazyLoadUnsupported("it has several MetaGraphs")
    model = read_model_file(file, saved_model.SerializeToString())
    assert model is not None  # It has one MetaGraph, and TensorFlow has written it.
    return model


def _check_model(path: str, model: ModelFile, tags: list[str] | None) -> None:
    metagraph = model.metagraph
    if not metagraph.HasField("object_graph_def"):
        raise LazyLoadUnsupported("it is a graph of TF1")
    for name in metagraph.object_graph_def.concrete_functions:
        if name not in model.functions:
            raise LazyLoadUnsupported(f"it has no function {name!r}, which its object graph names")
    if tags is not None and set(tags) != set(metagraph.meta_info_def.tags):
        raise ValueError(f"{path!r} has the tags {list(metagraph.meta_info_def.tags)}, not {tags}.")


def _find_form(
    path: str, content: bytes, nodes: Sequence[Any], prepare: str
) -> tuple[Path | None, prepared.PreparedForm | None]:
    """Return where a model's prepared form is, or would be, and the form; None for each that there is not."""
    directory = None if prepare == "off" else prepared.form_directory(path, content, to_make=prepare == "make")
    form = None if directory is None else prepared.open_form(directory)
    if form is not None and not _matches_variables(form, nodes):
        prepared.warn_ignored(directory, "its variables are not those of the model")
        form = None
    return directory, form


def _matches_variables(form: prepared.PreparedForm, nodes: Sequence[Any]) -> bool:
    """Whether a prepared form has the variables of a model, each of its dtype and shape."""
    tf = tf_internals.import_tensorflow()
    variables = {node_id: node.variable for node_id, node in enumerate(nodes) if node.HasField("variable")}
    if set(variables) != {each.node_id for each in form.variables}:
        return False
    return all(
        tf.as_dtype(each.dtype).as_datatype_enum == variables[each.node_id].dtype
        and tf.TensorShape(variables[each.node_id].shape).is_compatible_with(each.shape)
        for each in form.variables
        if each.dtype
    )


def _is_simple(nodes: Sequence[Any]) -> bool:
    """Whether no object needs others when it is made, except functions, which get their captures at the end."""
    return not any(node.slot_variables or (node.dependencies and not is_function(node)) for node in nodes)
