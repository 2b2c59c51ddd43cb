"""One graph variant of a module, read: its signatures, its collections, and the program of its nodes."""

from __future__ import annotations

from typing import Any, Iterable

from rehub import tf_internals
from rehub.formatting import list_names
from rehub.legacy.tensor_info import components, parse_tensor_info_map
from rehub.retrain.graph import Node, NodeOutput, Program, parse_output
from rehub.savedmodel.ops.gradient_barriers import stops_gradients

PLACEHOLDERS = frozenset(["Placeholder", "PlaceholderV2"])


class ModuleGraph:
    """One graph variant of a module.

    Attributes:
        meta_graph: its MetaGraphDef; not to be changed.
    """

    def __init__(self, meta_graph: Any) -> None:
        self.meta_graph = meta_graph
        self.program = Program.from_meta_graph(meta_graph)

    def signature_names(self) -> list[str]:
        """Return the names of the signatures that can be computed, without TensorFlow's own."""
        names = (name for name in sorted(self.meta_graph.signature_def) if not name.startswith("__"))
        return [name for name in names if not self.absent_tensors(name)]

    def absent_tensors(self, signature: str) -> list[str]:
        """Return the tensors that a signature names and the graph lacks. In TF1, they matter when it is run."""
        signature_def = self.meta_graph.signature_def[signature]
        infos = [*signature_def.inputs.values(), *signature_def.outputs.values()]
        nodes = self.program.graph.nodes
        return sorted({part for info in infos for part in components(info) if parse_output(part).node not in nodes})

    def has_signature(self, name: str) -> bool:
        """Whether there is a signature of this name."""
        return name in self.meta_graph.signature_def

    def input_specs(self, signature: str) -> dict[str, Any]:
        """Return the `tf.TypeSpec`s of a signature's inputs by name, sorted."""
        infos = self.meta_graph.signature_def[signature].inputs
        specs = _read_specs(infos)
        for name, spec in specs.items():
            if infos[name].WhichOneof("encoding") == "name":
                specs[name] = self._correct_spec(infos[name].name, spec)
        return specs

    def _correct_spec(self, tensor: str, spec: Any) -> Any:
        """Return the spec of a dense input: that in its signature, or that of its placeholder if they contradict."""
        tf = tf_internals.import_tensorflow()
        node = self.program.graph.nodes.get(parse_output(tensor).node)
        if node is None or node.op != "Placeholder":
            return spec
        dtype = tf.as_dtype(node.attr["dtype"].type).base_dtype
        return tf.TensorSpec(self._correct_shape(node, spec.shape), dtype)

    def _correct_shape(self, node: Node, given: Any) -> Any:
        """Return the shape of an input.

        In graphs of producers up to 21, a placeholder of unknown shape has that of a scalar (the shape function of
        Placeholder in core/ops/array_ops.cc). ParseExample has never taken a scalar, but TensorFlow Serving does not
        check what a placeholder says.
        """
        tf = tf_internals.import_tensorflow()
        if "shape" not in node.attr:
            return given
        own = tf.TensorShape(node.attr["shape"].shape)
        if own.rank == 0 and self.meta_graph.graph_def.versions.producer <= 21:
            return tf.TensorShape(None) if not given.rank else given
        if own.rank == 0 and any(user.op == "ParseExample" for user in self.program.graph.consumers[node.name]):
            return tf.TensorShape([None])
        return given if own.is_compatible_with(given) else own

    def output_specs(self, signature: str) -> dict[str, Any]:
        """Return the `tf.TypeSpec`s of a signature's outputs by name, sorted."""
        return _read_specs(self.meta_graph.signature_def[signature].outputs)

    def ops_of(self, signature: str) -> set[str]:
        """Return the ops of the nodes that a signature needs, without the functions that are called by their names."""
        signature_def, graph = self.meta_graph.signature_def[signature], self.program.graph
        inputs, outputs = (
            [parse_output(part).node for info in infos.values() for part in components(info)]
            for infos in (signature_def.inputs, signature_def.outputs)
        )
        needed = graph.ancestors(outputs, inputs)
        return {graph.nodes[name].op for name in needed if graph.nodes[name].op not in self.program.library}

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
        return not any(graph.nodes[name].op in PLACEHOLDERS for name in needed)

    def unfed_placeholders(self, signature: str) -> list[str]:
        """Return the placeholders that a signature's outputs depend on, and that are not among its inputs."""
        signature_def, graph = self.meta_graph.signature_def[signature], self.program.graph
        inputs, outputs = (
            [parse_output(part).node for info in infos.values() for part in components(info)]
            for infos in (signature_def.inputs, signature_def.outputs)
        )
        return sorted(name for name in graph.ancestors(outputs, inputs) if graph.nodes[name].op in PLACEHOLDERS)

    def why_nontrainable(self, signature: str) -> str:
        """Return why a signature of this graph, which is that for training, cannot be trained; "" if it can."""
        signatures = self.meta_graph.signature_def
        if signature not in signatures:
            return (
                f"the graph variant for training has no signature {signature!r}; it has: "
                f"{list_names(sorted(signatures))}"
            )
        absent = self.absent_tensors(signature)
        if absent:
            return f"signature {signature!r} names tensors that the graph does not have: {list_names(absent)}"
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
