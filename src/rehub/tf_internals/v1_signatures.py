"""Signatures of TF1 graphs, changed so that the loader of TensorFlow 1.15 can make functions of them.

A session of TF1 can run more signatures than that loader accepts (saved_model/load_v1_in_v2.py, _extract_signatures).
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterable, Iterator

from rehub.errors import InvalidModule
from rehub.formatting import list_names
from rehub.tf_internals.classes import add_methods
from rehub.tf_internals.tensorflow import import_tensorflow


def make_extractable(meta_graph_def: Any, graph: Any) -> Any:
    """Return a MetaGraphDef whose signatures the loader of 1.15 accepts.

    Args:
        meta_graph_def: it is not changed.
        graph: the one that its nodes have been imported into, which nodes are added to.
    """
    changed = type(meta_graph_def)()
    changed.CopyFrom(meta_graph_def)
    for name, signature in changed.signature_def.items():
        _split_composite_inputs(signature)
        _replace_absent_tensors(name, signature, graph)
        _separate_inputs(signature, graph)
        for info in signature.outputs.values():
            _correct_output(info, graph)
    return changed


def _split_composite_inputs(signature: Any) -> None:
    """Let a signature take the components of composite tensors, by the names of TensorFlow 2."""
    for name, info in list(signature.inputs.items()):
        encoding = info.WhichOneof("encoding")
        if encoding == "coo_sparse":
            for part, component in zip(("indices", "values", "dense_shape"), _list_components(info)):
                signature.inputs[f"{name}_{part}"].name = component
        elif encoding == "composite_tensor":
            for number, component in enumerate(info.composite_tensor.components):
                signature.inputs[f"{name}_component_{number}"].CopyFrom(component)
        if encoding in ("coo_sparse", "composite_tensor"):
            del signature.inputs[name]


def _replace_absent_tensors(name: str, signature: Any, graph: Any) -> None:
    """Let a signature that names tensors which the graph lacks depend on placeholders that are not fed.

    `LenientPruner` lets a call raise an error. As in a session, the other signatures can be used.
    """
    infos = [*signature.inputs.values(), *signature.outputs.values()]
    absent = [each for info in infos for each in _list_components(info) if not _has_element(graph, each)]
    if not absent:
        return
    tf = import_tensorflow()
    error = f"Signature {name!r} names tensors that its graph does not have: {list_names(sorted(set(absent)))}."
    for info in (*signature.outputs.values(), *(each for each in signature.inputs.values() if each.name in absent)):
        with graph.as_default():
            info.name = tf.compat.v1.placeholder(info.dtype or tf.float32, name="absent").name
        graph.get_tensor_by_name(info.name).op._rehub_error = error


def _has_element(graph: Any, name: str) -> bool:
    try:
        graph.as_graph_element(name)
    except (KeyError, ValueError):
        return False
    return True


def _separate_inputs(signature: Any, graph: Any) -> None:
    """Give each input a tensor of its own. Of several that feed one tensor, the last by name does, as in a session."""
    tf = import_tensorflow()
    taken = set()
    for name in sorted(signature.inputs, reverse=True):
        info = signature.inputs[name]
        if info.name in taken:
            tensor = graph.as_graph_element(info.name)
            with graph.as_default():
                info.name = tf.compat.v1.placeholder(tensor.dtype.base_dtype, tensor.shape, "unused_input").name
        taken.add(info.name)


def _correct_output(info: Any, graph: Any) -> None:
    """Let an output be a value, not a reference, and of unknown shape if the signature does not give one."""
    if info.WhichOneof("encoding") != "name":
        return
    if not info.HasField("tensor_shape"):
        info.tensor_shape.unknown_rank = True
    tf = import_tensorflow()
    element = graph.as_graph_element(info.name)  # The training op of a Keras export is an output, and not a tensor.
    if isinstance(element, tf.Tensor) and element.dtype != element.dtype.base_dtype:
        with graph.as_default():
            info.name = tf.identity(element).name


def _list_components(info: Any) -> list[str]:
    encoding = info.WhichOneof("encoding")
    if encoding == "coo_sparse":
        return [getattr(info.coo_sparse, f"{part}_tensor_name") for part in ("indices", "values", "dense_shape")]
    return [info.name] if encoding == "name" else [part.name for part in info.composite_tensor.components]


@contextlib.contextmanager
def explain_unfed_placeholders() -> Iterator[None]:
    """Replace the error of 1.15 for what runs when a model is loaded, and depends on a placeholder.

    Raises:
        InvalidModule: names the placeholder.
    """
    from tensorflow.python.eager import lift_to_graph

    try:
        yield
    except lift_to_graph.UnliftableError as error:  # Seen in 1.15.
        raise InvalidModule(f"The model's init op needs a placeholder that has no value. {error}") from error


class LenientPruner:
    """A wrapped function that also prunes what depends on placeholders that are not fed; a call of it says so."""

    def __init__(self, wrapped: Any) -> None:
        self.graph = wrapped.graph
        self._wrapped = wrapped

    def prune(self, feeds: list[Any], fetches: dict[str, Any], **options: Any) -> Any:
        """Prune the wrapped function by tensors and TensorInfos."""
        from tensorflow.python.eager import lift_to_graph

        try:
            return self._wrapped.prune(feeds, fetches, **options)
        except lift_to_graph.UnliftableError:  # Seen in 1.15.
            unfed = self._find_unfed_placeholders(feeds, fetches.values())
            pruned = self._wrapped.prune([*feeds, *unfed], fetches, **options)
            errors = [tensor.op._rehub_error for tensor in unfed if hasattr(tensor.op, "_rehub_error")]
            pruned._rehub_error = errors[0] if errors else _describe_unfed([tensor.name for tensor in unfed])
            add_methods(pruned, _RefusedCall)
            return pruned

    def _find_unfed_placeholders(self, feeds: list[Any], infos: Iterable[Any]) -> list[Any]:
        tf = import_tensorflow()
        names = (name for info in infos for name in _list_components(info))
        elements = [self.graph.as_graph_element(name) for name in names]
        fed = {tensor.op for tensor in (*feeds, *self.graph.internal_captures)}
        todo = [element.op if isinstance(element, tf.Tensor) else element for element in elements]
        seen = set(fed)
        while todo:
            op = todo.pop()
            if op not in seen:
                seen.add(op)
                todo += [tensor.op for tensor in op.inputs] + op.control_inputs
        placeholders = (op.outputs[0] for op in seen - fed if op.type == "Placeholder")
        return sorted(placeholders, key=lambda tensor: str(tensor.name))


def _describe_unfed(names: list[str]) -> str:
    return (
        f"Placeholder {names[0].partition(':')[0]!r} needs a value: it is not an input. "
        f"model.prune(feeds, fetches) makes a function that takes {list_names(names)} too."
    )


class _RefusedCall:
    """Methods of a concrete function that lacks inputs. It has more inputs than names of them."""

    _rehub_error: str

    def _call_flat(self, *_: Any, **__: Any) -> Any:
        """Raise InvalidModule. All calls come here."""
        raise InvalidModule(self._rehub_error)
