"""A graph to interpret: its nodes, its control flow, and the functions that it calls."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain.graph.control_flow import ENTERS, ControlFlow, Loop, LoopOptions
from rehub.retrain.graph.nodes import (
    FunctionBody,
    Node,
    NodeGraph,
    NodeOutput,
    control_output,
    read_function_def,
    read_graph_def,
)
from rehub.savedmodel.graph_search import find_reachable

# TensorFlow calls them stateful, but no other op sees whether they have run. A read of a variable is not among them:
# an assignment may have to wait for it.
_UNOBSERVABLE = frozenset(
    ["HashTable", "HashTableV2", "IsVariableInitialized", "Placeholder", "VarHandleOp", "VarIsInitializedOp"]
)

ASSIGNMENTS = ("Assign", "Scatter", "ResourceScatter", "StridedSliceAssign", "ResourceStridedSliceAssign")


class Program:
    """What is known of a graph before anything of it is traced.

    Attributes:
        flow: its conditionals and loops.
        library: the functions that it can call.
    """

    def __init__(self, graph: NodeGraph, library: Library, loops: Mapping[str, LoopOptions]) -> None:
        self.graph = graph
        self.flow = ControlFlow(graph, loops)
        self.library = library
        self._uses_state = self._find_uses_of_state()

    @classmethod
    def from_meta_graph(cls, meta_graph: Any) -> Program:
        """Read the graph of a MetaGraphDef, with its library."""
        library = meta_graph.graph_def.library
        gradients = {gradient.function_name: gradient.gradient_func for gradient in library.gradient}
        return cls(
            read_graph_def(meta_graph.graph_def), Library(library.function, gradients), _read_loop_options(meta_graph)
        )

    def find_controls(self, controls: Iterable[str]) -> list[NodeOutput]:
        """Return what has to run before a node with these controls, where that makes a difference.

        A control on a Switch, which stands for a side of a conditional, waits for what the Switch lets in.
        """
        found = []
        pending = list(controls)
        while pending:
            name = pending.pop()
            node = self.graph.nodes[name]
            if name in self._uses_state and self.flow.is_switch(node):
                pending.append(node.inputs[0].node)
            elif name in self._uses_state:
                found.append(control_output(name))
        return found

    def entries_of(self, loop: Loop) -> list[NodeOutput]:
        """Return the tensors outside of a loop that its body and its condition take."""
        entries = [variable.initial for variable in loop.variables]
        entries += self.find_controls(name for variable in loop.variables for name in variable.before_first)
        merges = {variable.merge for variable in loop.variables}

        def needed_inside(name: str) -> list[str]:
            node = self.graph.nodes[name]
            if node.op in ENTERS and node.attr["frame_name"].s.decode() == loop.frame:
                entries.extend([node.inputs[0], *self.find_controls(node.controls)])
                return []
            needed = [*node.inputs, *self.find_controls(node.controls)]
            return [output.node for output in needed if output.node not in merges]

        ends = [loop.condition.node, *(variable.next.node for variable in loop.variables)]
        ends += [name for variable in loop.variables for name in variable.before_next]
        find_reachable((name for name in ends if name not in merges), needed_inside)
        return entries

    def assigned_nodes(self, needed: Iterable[str]) -> set[str]:
        """Return the variables, as nodes, that some nodes assign to."""
        assigned: set[str] = set()
        for name in needed:
            node = self.graph.nodes[name]
            if node.op.startswith(ASSIGNMENTS):
                assigned |= self._find_roots(node.inputs[0].node)
            elif self.library.has_assignments(node):
                for source in node.inputs:
                    assigned |= self._find_roots(source.node)
        return assigned

    def _find_roots(self, name: str) -> set[str]:
        """Return the nodes without inputs that a reference or handle comes from."""
        nodes = self.graph.nodes
        origins = find_reachable([name], lambda each: [source.node for source in nodes[each].inputs])
        return {origin for origin in origins if not nodes[origin].inputs}

    def _find_uses_of_state(self) -> set[str]:
        found: set[str] = set()
        for node in self.graph.in_topological_order():
            if _uses_state(node, self.library) or any(name in found for name in node.predecessors()):
                found.add(node.name)
        return found


def _read_loop_options(meta_graph: Any) -> dict[str, LoopOptions]:
    """Return the options of loops by their frames."""
    keys = tf_internals.import_tensorflow().compat.v1.GraphKeys
    return {
        loop.context_name: LoopOptions(loop.back_prop, loop.swap_memory)
        for key in (keys.COND_CONTEXT, keys.WHILE_CONTEXT)
        if key in meta_graph.collection_def
        for serialized in meta_graph.collection_def[key].bytes_list.value
        for loop in tf_internals.v1_graphs.loops_of_context(key, serialized)
    }


def _uses_state(node: Node, library: Library) -> bool:
    if node.op in _UNOBSERVABLE:
        return False
    if node.op in library:
        return True
    definition = tf_internals.ops.op_definition(node.op)
    return definition is not None and (definition.is_stateful or any(arg.is_ref for arg in definition.input_arg))


class Library:
    """The functions of a graph, each read when it is first called.

    Attributes:
        gradients: for each function whose author gave it a gradient, the name of that function.
    """

    def __init__(self, functions: Iterable[Any], gradients: Mapping[str, str]) -> None:
        self._functions = {function.signature.name: function for function in functions}
        self.gradients = gradients
        self._read: dict[str, tuple[FunctionBody, Program]] = {}
        self._loaded: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    def read_function(self, name: str) -> tuple[FunctionBody, Program]:
        """Return a function's body, and what is known of its graph.

        Raises:
            InvalidModule: the library has no such function.
        """
        if name not in self._functions:
            raise InvalidModule(f"The graph calls a function {name!r} that its library does not have.")
        if name not in self._read:
            body = read_function_def(self._functions[name])
            self._read[name] = body, Program(body.graph, self, {})
        return self._read[name]

    def functions_called_by(self, node: Node) -> list[str]:
        """Return the names of the functions that a node calls: by its op, or by an attribute."""
        attributes = [attr for _, attr in sorted(node.attr.items())]
        named = [attr.func.name for attr in attributes if attr.func.name]
        named += [function.name for attr in attributes for function in attr.list.func]
        return [name for name in [node.op, *named] if name in self]

    def load_functions(self, node: Node) -> dict[str, Any]:
        """Return the functions that a node calls as concrete functions, by their names in the graph.

        TensorFlow knows them by other names: those in the graphs of two models can be the same.
        """
        wanted = self.functions_called_by(node)
        missing = [name for name in wanted if name not in self._loaded]
        if missing:
            needed = find_reachable(
                missing,
                lambda name: [
                    called for each in self._functions[name].node_def for called in self.functions_called_by(each)
                ],
            )
            self._loaded.update(tf_internals.functions.load_functions(self._functions[name] for name in sorted(needed)))
        return {name: self._loaded[name] for name in wanted}

    def has_assignments(self, node: Node) -> bool:
        """Whether a node calls a function that assigns to variables, itself or by a function that it calls."""

        def nodes_of(name: str) -> Iterable[Node]:
            return self.read_function(name)[0].graph.nodes.values()

        called = find_reachable(
            self.functions_called_by(node),
            lambda name: [called for inner in nodes_of(name) for called in self.functions_called_by(inner)],
        )
        return any(inner.op.startswith(ASSIGNMENTS) for name in called for inner in nodes_of(name))
