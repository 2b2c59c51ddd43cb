"""Trace a graph of TF1, node by node, into the function of TF2 that is being traced.

A graph of TF1 that is imported whole cannot be trained in TF2: its loops have no gradients there, references to
variables do not exist, and two graphs of one module would have variables of their own. What is traced here is an
ordinary function of TF2. Only the nodes that the wanted tensors need are traced: conditionals become `tf.cond`, loops
become `tf.while_loop`, variables and tables are those of the module, calls of functions are replaced by the functions'
bodies, and any other op is copied with all its attributes.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from rehub import tf_internals
from rehub.retrain.context import Scope, StateLookup, VariableReads, cannot_trace, is_variable
from rehub.retrain.converters import CONVERTERS
from rehub.retrain.converters.conditionals import convert_conditional
from rehub.retrain.converters.function_calls import call_by_op
from rehub.retrain.converters.loops import convert_loop
from rehub.retrain.converters.plain_ops import convert_asset_path, copy_op
from rehub.retrain.converters.variables import VARIABLES
from rehub.retrain.graph import (
    ENTERS,
    EXITS,
    SWITCHES,
    Branch,
    Conditional,
    Conditionals,
    Effect,
    Loop,
    Node,
    NodeOutput,
    Program,
    References,
)


class GraphInterpreter:
    """One computation of a graph, traced in TF2. The `Context` of the converters."""

    def __init__(
        self,
        program: Program,
        state: StateLookup,
        bindings: Mapping[NodeOutput, Any],
        reads: VariableReads | None = None,
    ) -> None:
        """Begin in the default graph, which must be that of a function.

        Args:
            bindings: values for tensors of the graph, such as the inputs of a signature.
            reads: for the body of a function that another graph calls, the reads of that computation.
        """
        self.program = program
        self.state = state
        self._bindings = dict(bindings)
        self._top = Scope(tf_internals.import_tensorflow().compat.v1.get_default_graph())
        self.reads = VariableReads(self._top.graph) if reads is None else reads

    def run(self, wanted: Iterable[NodeOutput], effects: Iterable[str] = ()) -> list[Any]:
        """Trace some tensors, and nodes that run for their effect.

        Returns:
            The tensors in the order of `wanted`.

        Raises:
            InvalidModule: something in the graph cannot be traced; names the node.
        """
        tf_internals.gradients.lock_gradient_building_in_trace()
        wanted, effects = list(wanted), list(effects)
        bound = {output.node for output in self._bindings}
        needed = self.program.graph.ancestors([*(output.node for output in wanted), *effects], bound) | (
            bound & {output.node for output in wanted}
        )
        self.reads.add_assigned(self._assigned_variables(needed))
        self._conditionals = Conditionals(self.program.graph, self.program.flow, needed, effects)
        self._references = References(self.program, needed)
        tensors = {output: self.get_tensor(output, self._top) for output in self._sort_by_assignments(wanted, bound)}
        for effect in self._conditionals.effects:
            self.run_effect(effect, self._top)
        return [tensors[output] for output in wanted]

    def call_function(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """As `Context.call_function`."""
        body, program = self.program.library.read_function(name)
        bindings = {NodeOutput(name, 0): argument for name, argument in zip(body.arguments, arguments)}
        return GraphInterpreter(program, self.state, bindings, self.reads).run(body.results, body.effects)

    def _sort_by_assignments(self, wanted: Sequence[NodeOutput], bound: set[str]) -> Sequence[NodeOutput]:
        """Return tensors with those first that wait for no assignment.

        A session reads variables for them at once, while assignments still wait for their values. The metrics of an
        Estimator, and the ops that update them, are tensors of one signature.
        """
        if not self.reads.has_assigned():
            return wanted
        find_ancestors = self.program.graph.ancestors
        return sorted(
            wanted, key=lambda output: bool(self.program.assigned_nodes(find_ancestors([output.node], bound)))
        )

    # What nodes have become

    def get_tensor(self, output: NodeOutput, scope: Scope, user: str = "") -> Any:
        """As `Context.get_tensor`."""
        value = self._get_current_value(output, scope, user)
        if not is_variable(value):
            return value
        with scope.graph.as_default():
            read = self.reads.read_variable(value)
            # What an assignment returns has no gradient (tensorflow/python/ops/state_grad.py).
            is_assigned = self._references.is_assigned(output)
            return tf_internals.import_tensorflow().stop_gradient(read) if is_assigned else read

    def get_inputs(self, node: Node, scope: Scope) -> list[Any]:
        """As `Context.get_inputs`."""
        return [self._get_current_value(source, scope, node.name) for source in node.inputs]

    def get_input_tensors(self, node: Node, scope: Scope) -> list[Any]:
        """As `Context.get_input_tensors`."""
        return [self.get_tensor(source, scope, node.name) for source in node.inputs]

    def _get_current_value(self, output: NodeOutput, scope: Scope, user: str) -> Any:
        variable = self._references.find_stale_read(output, user) if user else None
        return self.get_value(output if variable is None else variable, scope)

    def get_value(self, output: NodeOutput, scope: Scope) -> Any:
        """As `Context.get_value`."""
        if output in self._bindings:
            return self._bindings[output]
        home = self._find_home(output, scope)
        if output not in home.values:
            self.trace_node(output.node, home)
        if output not in home.values:
            raise cannot_trace(self.program.graph.nodes[output.node], f"it has no output {output.index}")
        return home.values[output]

    def _assigned_variables(self, needed: set[str]) -> Iterator[Any]:
        for name in self.program.assigned_nodes(needed):
            node = self.program.graph.nodes[name]
            value = self._bindings.get(NodeOutput(name, 0))
            if value is None and node.op in VARIABLES:
                value = self.state.get_variable(node)
            if is_variable(value):
                yield value

    def _find_home(self, output: NodeOutput, scope: Scope) -> Scope:
        """Return the scope that a tensor belongs to. It can be used in a conditional that it is outside of."""
        branches = self.program.flow.branches_of(output)
        while isinstance(scope.construct, Branch) and scope.construct not in branches and scope.parent is not None:
            scope = scope.parent
        return scope

    # Tracing, with an explicit stack: graphs are deeper than Python's

    def trace_node(self, name: str, scope: Scope) -> None:
        """As `Context.trace_node`."""
        pending = [(name, scope, False)]
        while pending:
            name, scope, is_ready = pending.pop()
            if name in scope.traced or NodeOutput(name, 0) in self._bindings:
                continue
            node = self.program.graph.nodes[name]
            if is_ready:
                with scope.graph.as_default():
                    self._convert_node(node, scope)
                scope.traced.add(name)
            else:
                pending.append((name, scope, True))
                needed = (output for output in self._find_prerequisites(node) if output not in self._bindings)
                # What an Enter waits for is done once, before the loop, and not in each iteration.
                around = self._find_outside(node, scope) if node.op in ENTERS else scope
                pending += [(output.node, self._find_home(output, around), False) for output in needed]

    def run_effect(self, effect: Effect, scope: Scope) -> None:
        """As `Context.run_effect`."""
        if not isinstance(effect, Conditional):
            self.trace_node(effect, scope)
        elif effect not in scope.traced:
            for output in self._prerequisites_of_conditional(effect):
                self.get_value(output, scope)
            with scope.graph.as_default():
                convert_conditional(self, effect, scope)

    def _find_prerequisites(self, node: Node) -> list[NodeOutput]:
        """Return what has to be traced, in the same scope, before a node."""
        controls = self.program.find_controls(node.controls)
        if node.name in self._conditionals.of_merge:
            return self._prerequisites_of_conditional(self._conditionals.of_merge[node.name])
        if node.name in self.program.flow.loop_of_exit:
            return self.program.entries_of(self.program.flow.loop_of_exit[node.name])
        if node.op in ENTERS or node.op in SWITCHES:
            return controls
        return [*node.inputs, *controls]

    def _prerequisites_of_conditional(self, conditional: Conditional) -> list[NodeOutput]:
        return [conditional.predicate, *self._conditionals.entries_of(conditional)]

    def _convert_node(self, node: Node, scope: Scope) -> None:
        if NodeOutput(node.name, 0) in scope.values:
            return
        if node.name in self._conditionals.of_merge:
            convert_conditional(self, self._conditionals.of_merge[node.name], scope)
        elif node.op in EXITS and node.name in self.program.flow.loop_of_exit:
            convert_loop(self, self.program.flow.loop_of_exit[node.name], scope)
        elif self.program.flow.is_switch(node):
            predicate = self.program.flow.predicate_of(node)
            inside = self._find_enclosing(
                node, scope, lambda construct: isinstance(construct, Branch) and construct.predicate == predicate
            )
            assert isinstance(inside.construct, Branch)
            assert inside.parent is not None
            value = self.get_value(node.inputs[0], inside.parent)
            scope.values[NodeOutput(node.name, int(inside.construct.taken))] = value
        elif node.op in ENTERS:
            scope.values[NodeOutput(node.name, 0)] = self.get_value(node.inputs[0], self._find_outside(node, scope))
        else:
            self._convert_op(node, scope)

    def _find_outside(self, enter: Node, scope: Scope) -> Scope:
        """Return the scope around the loop that a node passes a tensor into."""
        frame = enter.attr["frame_name"].s.decode()
        inside = self._find_enclosing(
            enter, scope, lambda construct: isinstance(construct, Loop) and construct.frame == frame
        )
        assert inside.parent is not None
        return inside.parent

    def _find_enclosing(self, node: Node, scope: Scope | None, is_wanted: Callable[[Any], bool]) -> Scope:
        while scope is not None and not is_wanted(scope.construct):
            scope = scope.parent
        if scope is None:
            raise cannot_trace(node, "it is used outside of the conditional or loop that it leads into")
        return scope

    def _convert_op(self, node: Node, scope: Scope) -> None:
        controls = [op for name in node.controls for op in scope.operations.get(name, ())]
        convert = CONVERTERS.get(node.op)
        if convert is None:
            convert = call_by_op if node.op in self.program.library else copy_op
        if self.state.get_asset(self.program, node) is not None:
            convert = convert_asset_path
        with tf_internals.import_tensorflow().control_dependencies(controls):
            values = convert(self, node, scope)
        scope.values.update((NodeOutput(node.name, index), value) for index, value in enumerate(values))
        if node.name not in scope.operations:
            own = [op for value in values for op in scope.operations_of(value)]
            scope.operations[node.name] = own or controls
