"""Rewrite a SavedModel so that an older TensorFlow loads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rehub.downgrade import object_graph
from rehub.downgrade.attributes import drop_attributes
from rehub.downgrade.bodies import Body
from rehub.downgrade.gradients import name_gradients_of_calls
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible, find_rule
from rehub.downgrade.structures import rewrite_structures
from rehub.downgrade.tables import ReadTensor, fill_saved_tables
from rehub.errors import MissingOp
from rehub.savedmodel.encodings.message_classes import message_class
from rehub.savedmodel.nodes import iter_scopes
from rehub.savedmodel.ops.newer_ops import NewerOps, Version, find_newer_ops
from rehub.savedmodel.wire import Buffer


@dataclass(frozen=True)
class Rewriting:
    """A SavedModel for an older TensorFlow.

    Attributes:
        content: the bytes of its `saved_model.pb`.
        changes: what was changed, each with how often: "DenseBincount by segment sums (3)".
        left_out: the functions that it lacks, each with the reason. No signature needs them.
    """

    content: bytes
    changes: tuple[str, ...]
    left_out: tuple[str, ...]


def needs_rewriting(content: Buffer, version: Version, newer: NewerOps) -> bool:
    """Whether a SavedModel may have what an older TensorFlow lacks; quick where it has not.

    Args:
        content: the bytes of a `saved_model.pb`.
        version: the older TensorFlow's.
        newer: the ops and attributes that it lacks.

    Raises:
        WireError: they are not a SavedModel.
    """
    if version < (2, 0):
        return True  # Its loader of objects needs changes that only a full reading can find.
    for scope in iter_scopes(content):
        for node in scope.nodes():
            if node.op in newer.ops:
                return True
            if node.op in newer.attributes:
                names = newer.attributes[node.op]
                if any(name in names for name, _ in node.attributes()):
                    return True
    return False


def rewrite_model(
    content: bytes,
    version: Version,
    label: str,
    read_tensor: ReadTensor,
    lacking: NewerOps | None = None,
    keep_optimizers: bool = False,
) -> Rewriting | None:
    """Rewrite a SavedModel so that an older TensorFlow loads it; return None if there is nothing to change.

    Args:
        content: the bytes of a `saved_model.pb`.
        version: the older TensorFlow's.
        label: what messages call the model.
        read_tensor: reads a tensor of its checkpoint by its key, as a NumPy array.
        lacking: the ops and attributes that it lacks; by default, as `find_newer_ops` knows them.
        keep_optimizers: whether to keep optimizers with slot variables, which TensorFlow 1.15 cannot restore by itself.

    Raises:
        MissingOp: what a signature needs cannot be said in the older TensorFlow's ops; names the ops and rules.
    """
    model = message_class("SavedModel").FromString(content)
    changes: Counter[str] = Counter()
    left_out: list[str] = []
    for metagraph in model.meta_graphs:
        rewriter = _Rewriter(metagraph, version, lacking or find_newer_ops(version), changes)
        failures = rewriter.rewrite_bodies()
        if version < (2, 0):
            failures.update(object_graph.find_functions_without_captures(metagraph, keep_optimizers))
        if failures:
            left_out.extend(_leave_out(metagraph, rewriter.library, failures, version, label))
        if version < (2, 0) and metagraph.HasField("object_graph_def"):
            left_out.extend(_leave_out_undecodable(metagraph, rewrite_structures(metagraph, changes)))
            object_graph.rewrite_objects(metagraph, changes, keep_optimizers)
            _fill_tables(metagraph, rewriter.library, read_tensor, label, changes)
            count = name_gradients_of_calls(rewriter.library)
            if count:
                changes["call: named gradient"] += count
    if not changes and not left_out:
        return None
    described = tuple(f"{change} ({count})" for change, count in sorted(changes.items()))
    return Rewriting(model.SerializeToString(deterministic=True), described, tuple(left_out))


def _fill_tables(metagraph: Any, library: Library, read_tensor: ReadTensor, label: str, changes: Counter[str]) -> None:
    try:
        count = fill_saved_tables(metagraph, library, read_tensor)
    except Inexpressible as error:
        raise MissingOp(
            f"{label!r} cannot be rewritten for TensorFlow 1.15, which does not restore the values of mutable tables: "
            f"{error}. Load it in TensorFlow 2, or use tables that never change."
        ) from error
    if count:
        changes["mutable table: filled by its initializer"] += count


class _Rewriter:
    """Applies the rules to the graph and the functions of a MetaGraphDef."""

    def __init__(self, metagraph: Any, version: Version, newer: NewerOps, changes: Counter[str]) -> None:
        self._metagraph = metagraph
        self._version = version
        self._newer = newer
        self._changes = changes
        self.library = Library(metagraph.graph_def.library)

    def rewrite_bodies(self) -> dict[str, str]:
        """Rewrite the graph and the functions.

        Returns:
            Why a function cannot be rewritten, by its name; that of the graph itself is "".
        """
        failures: dict[str, str] = {}
        graph = self._metagraph.graph_def
        for message in (graph, *list(graph.library.function)):
            body = Body(message)
            problems = self._rewrite_nodes(body)
            renamed = body.finish()
            if problems:
                failures[body.name] = "; ".join(problems)
            if not body.is_function:
                self._rename_in_signatures(renamed)
        return failures

    def _rewrite_nodes(self, body: Body) -> list[str]:
        problems: dict[str, None] = {}
        for node in body.nodes():
            op = node.op
            if op in self.library:
                continue
            rule = find_rule(op)
            is_newer = op in self._newer.ops
            try:
                if is_newer or (rule is not None and rule.replaces_known_op(self._version)):
                    if rule is None:
                        problems[f"there is no rule for op {op!r}"] = None
                        continue
                    if rule.apply(body, node, self.library) is not False:
                        node.attr.pop("_output_shapes", None)  # They may be others then.
                        self._changes[f"{op}: {rule.name}"] += 1
                if not is_newer and op in self._newer.attributes:
                    for name in drop_attributes(body, node, self._newer.attributes[op]):
                        self._changes[f"{op}: attribute {name}"] += 1
            except Inexpressible as error:
                by_rule = "" if rule is None else f" by rule {rule.name!r}"
                problems[f"op {op!r}{by_rule}: {error}"] = None
        return list(problems)

    def _rename_in_signatures(self, renamed: dict[str, str]) -> None:
        infos = [asset.tensor_info for asset in self._metagraph.asset_file_def]
        for signature in self._metagraph.signature_def.values():
            infos.extend([*signature.inputs.values(), *signature.outputs.values()])
        for info in infos:
            if info.WhichOneof("encoding") == "name":
                info.name = renamed.get(info.name, info.name)
            elif info.WhichOneof("encoding") == "coo_sparse":
                sparse = info.coo_sparse
                for field in ("values_tensor_name", "indices_tensor_name", "dense_shape_tensor_name"):
                    setattr(sparse, field, renamed.get(getattr(sparse, field), getattr(sparse, field)))


def _leave_out(metagraph: Any, library: Library, failures: dict[str, str], version: Version, label: str) -> list[str]:
    """Remove the functions that cannot be rewritten, and those that call them, if no signature needs them."""
    needed, reasons = object_graph.find_needed_functions(metagraph), dict(failures)
    is_growing = True
    while is_growing:
        is_growing = False
        for function in metagraph.graph_def.library.function:
            if function.signature.name not in reasons:
                called = next((each for each in _called_functions(function) if each in reasons), None)
                if called is not None:
                    reasons[function.signature.name] = reasons[called]
                    is_growing = True
    called_by_graph = [each for each in _called_functions(metagraph.graph_def) if each in reasons]
    if "" in reasons or needed & set(reasons) or (called_by_graph and not metagraph.HasField("object_graph_def")):
        reason = next(reasons[each] for each in ("", *sorted(needed), *called_by_graph) if each in reasons)
        raise MissingOp(
            f"{label!r} cannot be rewritten for TensorFlow {version[0]}.{version[1]}: {reason}. Load it in the "
            f"TensorFlow that wrote it, {metagraph.meta_info_def.tensorflow_version}, or a newer one."
        )
    names = set(reasons)
    object_graph.remove_functions(metagraph, names)
    _remove_calls(metagraph.graph_def, names)
    library.remove_functions(names)
    return _describe_left_out(reasons)


def _leave_out_undecodable(metagraph: Any, reasons: dict[str, str]) -> list[str]:
    """Remove functions from the objects; signatures take and return plain tensors, and may call them in the graph."""
    object_graph.remove_functions(metagraph, set(reasons))
    return _describe_left_out(reasons)


def _describe_left_out(reasons: dict[str, str]) -> list[str]:
    return [f"{count} functions: {reason}" for reason, count in Counter(reasons.values()).items()]


def _called_functions(body: Any) -> list[str]:
    names = []
    for node in body.node_def if body.DESCRIPTOR.name == "FunctionDef" else body.node:
        names.append(node.op)
        for value in node.attr.values():
            if value.WhichOneof("value") == "func":
                names.append(value.func.name)
            names.extend(each.name for each in value.list.func)
    return names


def _remove_calls(graph: Any, names: set[str]) -> None:
    """Remove the nodes of a graph that call functions which are left out."""
    for index in reversed(range(len(graph.node))):
        node = graph.node[index]
        if node.op in names or any(value.func.name in names for value in node.attr.values()):
            del graph.node[index]
