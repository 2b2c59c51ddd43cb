"""One graph variant of a module, read: its signatures, its collections, and the program of its nodes."""

from __future__ import annotations

from typing import Any, Iterable

from rehub.formatting import list_names
from rehub.legacy.tensor_info import components, parse_tensor_info_map
from rehub.retrain.graph import NodeOutput, Program, parse_output
from rehub.savedmodel.ops.gradient_barriers import stops_gradients


class ModuleGraph:
    """One graph variant of a module.

    Attributes:
        meta_graph: its MetaGraphDef; not to be changed.
        program: its nodes, read.
    """

    def __init__(self, meta_graph: Any) -> None:
        self.meta_graph = meta_graph
        self.program = Program.from_meta_graph(meta_graph)

    def signature_names(self) -> list[str]:
        """Return the names of the signatures, without TensorFlow's own."""
        return [name for name in sorted(self.meta_graph.signature_def) if not name.startswith("__")]

    def has_signature(self, name: str) -> bool:
        """Whether there is a signature of this name."""
        return name in self.meta_graph.signature_def

    def input_specs(self, signature: str) -> dict[str, Any]:
        """Return the `tf.TypeSpec`s of a signature's inputs by name, sorted."""
        return _read_specs(self.meta_graph.signature_def[signature].inputs)

    def output_specs(self, signature: str) -> dict[str, Any]:
        """Return the `tf.TypeSpec`s of a signature's outputs by name, sorted."""
        return _read_specs(self.meta_graph.signature_def[signature].outputs)

    def find_update_ops(self, bound: Iterable[NodeOutput]) -> list[str]:
        """Return the names of the UPDATE_OPS that depend on no other inputs than those in `bound`."""
        bound = list(bound)
        return [output.node for output in self.members_of("update_ops") if self.is_computable(output, bound)]

    def update_ops_of(self, signature: str) -> list[str]:
        """Return the names of the UPDATE_OPS that run with a signature: those for which it has all inputs."""
        infos = self.meta_graph.signature_def[signature].inputs
        return self.find_update_ops(parse_output(part) for info in infos.values() for part in components(info))

    def members_of(self, collection: str) -> list[NodeOutput]:
        """Return the tensors and ops in a collection."""
        collections = self.meta_graph.collection_def
        if collection not in collections:
            return []
        return [parse_output(name) for name in collections[collection].node_list.value]

    def is_computable(self, output: NodeOutput, bound: Iterable[NodeOutput]) -> bool:
        """Whether a tensor depends on no other inputs than those in `bound`."""
        graph = self.program.graph
        needed = graph.ancestors([output.node], (source.node for source in bound))
        return not any(graph.nodes[name].op in ("Placeholder", "PlaceholderV2") for name in needed)

    def why_nontrainable(self, signature: str) -> str:
        """Return why a signature of this graph, which is that for training, cannot be trained; "" if it can."""
        signatures = self.meta_graph.signature_def
        if signature not in signatures:
            return (
                f"the graph variant for training has no signature {signature!r}; it has: "
                f"{list_names(sorted(signatures))}"
            )
        outputs = (parse_output(part) for info in signatures[signature].outputs.values() for part in components(info))
        graph = self.program.graph
        needed = (graph.nodes[name] for name in sorted(graph.ancestors(output.node for output in outputs)))
        barriers = [node for node in needed if stops_gradients(node.op)]
        if not barriers:
            return ""
        listed = ", ".join(f"{node.name!r} ({node.op})" for node in barriers[:5])
        more = f", and {len(barriers) - 5} more" if len(barriers) > 5 else ""
        return (
            f"signature {signature!r} cannot be trained, as it depends on ops that no gradient passes through: "
            f"{listed}{more}. It can be used for inference"
        )


def _read_specs(infos: Any) -> dict[str, Any]:
    parsed = parse_tensor_info_map(infos)
    return {name: parsed[name].type_spec for name in sorted(parsed)}
