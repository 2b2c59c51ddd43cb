"""Makes sure that TensorFlow knows the ops of a module before it imports its graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from rehub import restore, tf_internals
from rehub.errors import MissingOp


def bring_ops(meta_graph: Any, described_as: str) -> None:
    """Imports the packages that bring ops of a MetaGraphDef which plain TensorFlow lacks.

    Raises:
        MissingOp: an op is not to be had; says which package brings it. It is a `tf.errors.NotFoundError` as well.
    """
    _bring(_OpsInUse.of(meta_graph), described_as)


def register_ops_if_needed(graph_ops: Iterable[str]) -> None:
    """Imports the packages that bring ops, given by name, which plain TensorFlow lacks.

    Raises:
        MissingOp: as `bring_ops`.
    """
    _bring(_OpsInUse(frozenset(graph_ops), ""), "a graph")


def _bring(ops: _OpsInUse, described_as: str) -> None:
    tf = tf_internals.import_tensorflow()
    try:
        restore.bring_ops(tf, ops, described_as)
    except MissingOp as error:
        # hub.Module of tensorflow_hub raised TensorFlow's error.
        raise restore.as_tensorflow_error(MissingOp, tf.errors.NotFoundError, str(error)) from error
    tf_internals.make_importable(ops.names)
    if ops.names & {"While", "StatelessWhile"}:
        tf_internals.register_gradients_of_loops()


@dataclass(frozen=True)
class _OpsInUse:
    """The ops of a MetaGraphDef, told as `savedmodel.MetaGraph` tells them."""

    names: frozenset[str]
    tensorflow_version: str

    @classmethod
    def of(cls, meta_graph: Any) -> _OpsInUse:
        graph_def = meta_graph.graph_def
        ops = {node.op for node in graph_def.node}
        for function in graph_def.library.function:
            ops.update(node.op for node in function.node_def)
        functions = {function.signature.name for function in graph_def.library.function}
        return cls(frozenset(ops - functions), meta_graph.meta_info_def.tensorflow_version)

    def declared_ops(self) -> frozenset[str]:
        return self.names

    def used_ops(self) -> frozenset[str]:
        return self.names
