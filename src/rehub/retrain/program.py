"""A graph that can be traced again: its nodes, its control flow, and the functions it calls."""

from __future__ import annotations

import functools
from typing import Any, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain.control_flow import ENTERS, ControlFlow, Loop, LoopOptions
from rehub.retrain.nodes import FunctionBody, Node, NodeGraph, Output, body_of_function, control_of, nodes_of_graph

# Stateful, as TensorFlow sees them, but to run or not to run one of them makes no difference to any other op. To read a
# variable does: what assigns to it may have to wait.
_HARMLESS = frozenset(
    ["HashTable", "HashTableV2", "IsVariableInitialized", "Placeholder", "VarHandleOp", "VarIsInitializedOp"]
)

ASSIGNMENTS = ("Assign", "Scatter", "ResourceScatter", "StridedSliceAssign", "ResourceStridedSliceAssign")


class Program:
    """What is known of a graph before anything of it is traced.

    Attributes:
        graph: its nodes.
        flow: its conditionals and loops.
        library: the functions that it can call.
    """

    def __init__(self, graph: NodeGraph, library: Library, loops: Mapping[str, LoopOptions]) -> None:
        self.graph = graph
        self.flow = ControlFlow(graph, loops)
        self.library = library
        self._uses_state = self._find_uses_of_state()

    @classmethod
    def of_meta_graph(cls, meta_graph: Any) -> Program:
        """Reads the graph of a MetaGraphDef, with its library."""
        library = meta_graph.graph_def.library
        gradients = {gradient.function_name: gradient.gradient_func for gradient in library.gradient}
        return cls(
            nodes_of_graph(meta_graph.graph_def), Library(library.function, gradients), _loop_options(meta_graph)
        )

    def controls_of(self, controls: Iterable[str]) -> list[Output]:
        """What has to be done before a node that has these controls, where that makes a difference.

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
                found.append(control_of(name))
        return found

    def entries_of(self, loop: Loop) -> list[Output]:
        """The tensors outside of a loop that its body and its condition take."""
        entries = [variable.initial for variable in loop.variables]
        entries += self.controls_of(name for variable in loop.variables for name in variable.before_first)
        merges = {variable.merge for variable in loop.variables}
        pending = [loop.condition.node, *(variable.next.node for variable in loop.variables)]
        pending += [name for variable in loop.variables for name in variable.before_next]
        seen: set[str] = set()
        while pending:
            name = pending.pop()
            if name in seen or name in merges:
                continue
            seen.add(name)
            node = self.graph.nodes[name]
            if node.op in ENTERS and node.attr["frame_name"].s.decode() == loop.frame:
                entries += [node.inputs[0], *self.controls_of(node.controls)]
            else:
                pending += [source.node for source in node.inputs]
                pending += [output.node for output in self.controls_of(node.controls)]
        return entries

    def assigned_nodes(self, needed: Iterable[str]) -> set[str]:
        """The variables, as nodes, that some nodes assign to."""
        assigned: set[str] = set()
        for name in needed:
            node = self.graph.nodes[name]
            if node.op.startswith(ASSIGNMENTS):
                assigned |= self._sources_of(node.inputs[0].node)
            elif self.library.assigns(node):
                for source in node.inputs:
                    assigned |= self._sources_of(source.node)
        return assigned

    def _sources_of(self, name: str) -> set[str]:
        """The nodes without inputs that a reference or handle comes from."""
        pending, seen = [name], set()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += [source.node for source in self.graph.nodes[name].inputs]
        return {name for name in seen if not self.graph.nodes[name].inputs}

    def _find_uses_of_state(self) -> set[str]:
        found: set[str] = set()
        for node in self.graph.in_order():
            before = [*(source.node for source in node.inputs), *node.controls]
            if _uses_state(node, self.library) or any(name in found for name in before):
                found.add(node.name)
        return found


def _loop_options(meta_graph: Any) -> dict[str, LoopOptions]:
    """The options of loops by their frames."""
    keys = tf_internals.import_tensorflow().compat.v1.GraphKeys
    return {
        loop.context_name: LoopOptions(loop.back_prop, loop.swap_memory)
        for key in (keys.COND_CONTEXT, keys.WHILE_CONTEXT)
        if key in meta_graph.collection_def
        for serialized in meta_graph.collection_def[key].bytes_list.value
        for loop in tf_internals.v1_graphs.loops_of_context(key, serialized)
    }


def _uses_state(node: Node, library: Library) -> bool:
    if node.op in _HARMLESS:
        return False
    if node.op in library:
        return True
    definition = tf_internals.ops.op_definition(node.op)
    return definition is not None and (definition.is_stateful or any(arg.is_ref for arg in definition.input_arg))


class Library:
    """The functions of a graph, each read when it is first called.

    Attributes:
        gradients: by a function's name that of the function which is its gradient, where its author gave one.
    """

    def __init__(self, functions: Iterable[Any], gradients: Mapping[str, str]) -> None:
        self._functions = {function.signature.name: function for function in functions}
        self.gradients = gradients

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    @property
    def functions(self) -> list[Any]:
        """All of them, as FunctionDefs."""
        return list(self._functions.values())

    @functools.lru_cache(maxsize=None)  # noqa: B019  A library lives as long as its module.
    def function(self, name: str) -> tuple[FunctionBody, Program]:
        """Returns a function's body, and what is known of its graph.

        Raises:
            InvalidModule: there is no such function.
        """
        if name not in self._functions:
            raise InvalidModule(f"The graph calls a function {name!r} that its library does not have.")
        body = body_of_function(self._functions[name])
        return body, Program(body.graph, self, {})

    def called_by(self, node: Node) -> list[str]:
        """The names of the functions that a node calls: by its op, or by an attribute."""
        attributes = [attr for _, attr in sorted(node.attr.items())]
        named = [attr.func.name for attr in attributes if attr.func.name]
        named += [function.name for attr in attributes for function in attr.list.func]
        return [name for name in [node.op, *named] if name in self]

    def assigns(self, node: Node) -> bool:
        """Whether a node calls a function that assigns to variables, itself or by a function that it calls."""
        pending, seen = self.called_by(node), set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            for inner in self.function(name)[0].graph.nodes.values():
                if inner.op.startswith(ASSIGNMENTS):
                    return True
                pending += self.called_by(inner)
        return False
