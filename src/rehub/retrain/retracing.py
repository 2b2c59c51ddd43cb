"""Traces a graph of TF1 again, node by node, into the function of TF2 that is being traced.

A graph of TF1 that is imported as it stands cannot be trained in TF2: its loops have no gradients there, references to
variables do not exist, and two graphs of one module would have variables of their own. What is traced again is an
ordinary function of TF2. Only what the wanted tensors need is traced: conditionals become `tf.cond`, loops become
`tf.while_loop`, variables and tables are those of the module, calls of functions are replaced by the functions' bodies,
and any other op is made as it is, with all its attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain import function_calls, plain_ops, recurrent_cells, tensor_arrays, variable_ops
from rehub.retrain.conditionals import Conditional, Conditionals, Effect
from rehub.retrain.control_flow import ENTERS, EXITS, SWITCHES, Branch, Loop
from rehub.retrain.nodes import Node, Output
from rehub.retrain.program import Program
from rehub.retrain.references import References
from rehub.retrain.variable_ops import Reads

if TYPE_CHECKING:
    from rehub.retrain.state import ModuleState

_Emitter = Callable[["Retracing", Node, "Scope"], Sequence[Any]]

_EMITTERS: Mapping[str, _Emitter] = {
    **plain_ops.EMITTERS,
    **variable_ops.EMITTERS,
    **tensor_arrays.EMITTERS,
    **function_calls.EMITTERS,
    **recurrent_cells.EMITTERS,
}


@dataclass(eq=False)
class Scope:
    """A function's graph that is being traced: the outermost, a side of a conditional, or the body of a loop.

    Attributes:
        graph: the FuncGraph.
        parent: the scope around it.
        place: the branch or loop that it is; None for the outermost.
        values: what has been traced: tensors, and in their places variables and TensorArrays.
        operations: the ops that stand for a node, for those that have to run after it.
        done: the nodes, conditionals and loops that have been traced.
    """

    graph: Any
    parent: Scope | None = None
    place: Branch | Loop | None = None
    values: dict[Output, Any] = field(default_factory=dict)
    operations: dict[str, list[Any]] = field(default_factory=dict)
    done: set[Any] = field(default_factory=set)

    def is_in_loop(self) -> bool:
        """Whether what is traced here can run several times."""
        return isinstance(self.place, Loop) or (self.parent is not None and self.parent.is_in_loop())


class Retracing:
    """One computation of a graph, as it is traced again."""

    def __init__(
        self, program: Program, state: ModuleState, fed: Mapping[Output, Any], caller: Retracing | None = None
    ) -> None:
        """Begins in the default graph, which must be that of a function.

        Args:
            program: the graph.
            state: what its variables and tables are.
            fed: values for tensors of the graph, such as the inputs of a signature.
            caller: for the body of a function that another graph calls, the computation of that.
        """
        self.program = program
        self.state = state
        self._fed = dict(fed)
        self._top = Scope(tf_internals.import_tensorflow().compat.v1.get_default_graph())
        self.reads: Reads = Reads(self._top.graph) if caller is None else caller.reads

    def run(self, wanted: Iterable[Output], effects: Iterable[str] = ()) -> list[Any]:
        """Traces some tensors, and nodes that run for their effect.

        Returns:
            The tensors in the order of `wanted`.

        Raises:
            InvalidModule: something in the graph cannot be traced; names the node.
        """
        tf_internals.gradients.lock_gradient_building_in_trace()
        wanted, effects = list(wanted), list(effects)
        stop = {output.node for output in self._fed}
        needed = self.program.graph.ancestors([*(output.node for output in wanted), *effects], stop) | (
            stop & {output.node for output in wanted}
        )
        self.reads.note_assigned(self._assigned_variables(needed))
        self._conditionals = Conditionals(self.program.graph, self.program.flow, needed, effects)
        self._references = References(self.program, needed)
        tensors = [self.tensor(output, self._top) for output in wanted]
        for effect in self._conditionals.effects:
            self._run_effect(effect, self._top)
        return tensors

    def call(self, function: str, arguments: Sequence[Any]) -> list[Any]:
        """Traces the body of a function of the library in the default graph; returns its results."""
        body, program = self.program.library.function(function)
        fed = {Output(name, 0): argument for name, argument in zip(body.arguments, arguments)}
        return Retracing(program, self.state, fed, caller=self).run(body.results, body.effects)

    # What nodes have become

    def tensor(self, output: Output, scope: Scope, user: str = "") -> Any:
        """The tensor that a tensor of the graph has become; a variable is read.

        Args:
            output: the tensor.
            scope: where it is used.
            user: the name of the node that uses it, which may have to read a variable after it has been changed.
        """
        value = self._value_for(output, scope, user)
        if not variable_ops.is_variable(value):
            return value
        with scope.graph.as_default():
            read = self.reads.read(value)
            # What an assignment returns has no gradient (TensorFlow: state_grad.py).
            is_assigned = self._references.is_assigned(output)
            return tf_internals.import_tensorflow().stop_gradient(read) if is_assigned else read

    def inputs(self, node: Node, scope: Scope) -> list[Any]:
        """The values of all inputs of a node."""
        return [self._value_for(source, scope, node.name) for source in node.inputs]

    def tensors(self, node: Node, scope: Scope) -> list[Any]:
        """The tensors that all inputs of a node have become."""
        return [self.tensor(source, scope, node.name) for source in node.inputs]

    def _value_for(self, output: Output, scope: Scope, user: str) -> Any:
        variable = self._references.reread(output, user) if user else None
        return self.value(output if variable is None else variable, scope)

    def value(self, output: Output, scope: Scope) -> Any:
        """What a tensor of the graph has become: a tensor, a variable where it is a reference or handle of one, or a
        TensorArray.
        """
        if output in self._fed:
            return self._fed[output]
        home = self._home(output, scope)
        if output not in home.values:
            self._trace(output.node, home)
        if output not in home.values:
            raise self._untraceable(self.program.graph.nodes[output.node], f"it has no output {output.index}")
        return home.values[output]

    def _assigned_variables(self, needed: set[str]) -> Iterator[Any]:
        for name in self.program.assigned_nodes(needed):
            node = self.program.graph.nodes[name]
            value = self._fed.get(Output(name, 0))
            if value is None and node.op in variable_ops.VARIABLES:
                value = self.state.variable(node)
            if variable_ops.is_variable(value):
                yield value

    def _home(self, output: Output, scope: Scope) -> Scope:
        """The scope that a tensor belongs to: it can be used in a conditional that it is outside of."""
        branches = self.program.flow.branches_of(output)
        while isinstance(scope.place, Branch) and scope.place not in branches and scope.parent is not None:
            scope = scope.parent
        return scope

    # Tracing, with a stack of its own: graphs are deeper than Python's

    def _trace(self, name: str, scope: Scope) -> None:
        pending = [(name, scope, False)]
        while pending:
            name, scope, is_ready = pending.pop()
            if name in scope.done or Output(name, 0) in self._fed:
                continue
            node = self.program.graph.nodes[name]
            if is_ready:
                with scope.graph.as_default():
                    self._emit(node, scope)
                scope.done.add(name)
            else:
                pending.append((name, scope, True))
                needed = (output for output in self._before(node) if output not in self._fed)
                # What an Enter waits for is done once, before the loop, and not in each turn.
                around = self._outside(node, scope) if node.op in ENTERS else scope
                pending += [(output.node, self._home(output, around), False) for output in needed]

    def _before(self, node: Node) -> list[Output]:
        """What has to be traced, in the same scope, before a node is."""
        controls = self.program.controls_of(node.controls)
        if node.name in self._conditionals.of_merge:
            return self._before_conditional(self._conditionals.of_merge[node.name])
        if node.name in self.program.flow.loop_of_exit:
            return self.program.entries_of(self.program.flow.loop_of_exit[node.name])
        if node.op in ENTERS or node.op in SWITCHES:
            return controls
        return [*node.inputs, *controls]

    def _before_conditional(self, conditional: Conditional) -> list[Output]:
        return [conditional.predicate, *self._conditionals.entries_of(conditional)]

    def _emit(self, node: Node, scope: Scope) -> None:
        if Output(node.name, 0) in scope.values:
            return
        if node.name in self._conditionals.of_merge:
            self._emit_conditional(self._conditionals.of_merge[node.name], scope)
        elif node.op in EXITS and node.name in self.program.flow.loop_of_exit:
            self._emit_loop(self.program.flow.loop_of_exit[node.name], scope)
        elif self.program.flow.is_switch(node):
            branch = self._enclosing(node, scope, lambda place: self._is_branch_of(place, node))
            assert isinstance(branch.place, Branch)
            assert branch.parent is not None
            value = self.value(node.inputs[0], branch.parent)
            scope.values[Output(node.name, int(branch.place.taken))] = value
        elif node.op in ENTERS:
            scope.values[Output(node.name, 0)] = self.value(node.inputs[0], self._outside(node, scope))
        else:
            self._emit_op(node, scope)

    def _outside(self, enter: Node, scope: Scope) -> Scope:
        """The scope around the loop that a node lets a tensor into."""
        frame = enter.attr["frame_name"].s.decode()
        loop = self._enclosing(enter, scope, lambda place: isinstance(place, Loop) and place.frame == frame)
        assert loop.parent is not None
        return loop.parent

    def _is_branch_of(self, place: Any, switch: Node) -> bool:
        return isinstance(place, Branch) and place.predicate == self.program.flow.predicate_of(switch)

    def _enclosing(self, node: Node, scope: Scope | None, is_it: Callable[[Any], bool]) -> Scope:
        while scope is not None and not is_it(scope.place):
            scope = scope.parent
        if scope is None:
            raise self._untraceable(node, "it is used outside of the conditional or loop that it leads into")
        return scope

    def _emit_op(self, node: Node, scope: Scope) -> None:
        controls = [op for name in node.controls for op in scope.operations.get(name, ())]
        emit = _EMITTERS.get(node.op)
        if emit is None:
            emit = function_calls.call if node.op in self.program.library else plain_ops.copy
        if self.state.asset(self.program, node) is not None:
            emit = _path_of_asset
        with tf_internals.import_tensorflow().control_dependencies(controls):
            values = emit(self, node, scope)
        scope.values.update((Output(node.name, index), value) for index, value in enumerate(values))
        if node.name not in scope.operations:
            own = [value.op for value in values if tf_internals.v1_graphs.is_in_graph(value, scope.graph)]
            scope.operations[node.name] = own or controls

    def _run_effect(self, effect: Effect, scope: Scope) -> None:
        if not isinstance(effect, Conditional):
            self._trace(effect, scope)
        elif effect not in scope.done:
            for output in self._before_conditional(effect):
                self.value(output, scope)
            with scope.graph.as_default():
                self._emit_conditional(effect, scope)

    def _emit_conditional(self, conditional: Conditional, scope: Scope) -> None:
        tf = tf_internals.import_tensorflow()
        sources = self.program.flow.branches_of_merge

        def side(taken: bool) -> Callable[[], list[Any]]:
            def trace() -> list[Any]:
                branch = Branch(conditional.predicate, taken)
                inside = Scope(tf.compat.v1.get_default_graph(), scope, branch)
                values = [self.tensor(sources[merge][branch], inside, merge) for merge in conditional.merges]
                for when, effect in conditional.effects:
                    if when is taken:
                        self._run_effect(effect, inside)
                return [*values, tf.constant(int(taken))]

            return trace

        scope.done.add(conditional)
        predicate = self.tensor(conditional.predicate, scope)
        *values, which = tf.compat.v2.cond(predicate, side(True), side(False))
        # The first input of a v1 Merge is that of the branch not taken.
        for merge, value in zip(conditional.merges, values):
            scope.values[Output(merge, 0)] = value
            scope.values[Output(merge, 1)] = which
            scope.operations[merge] = [which.op] if tf_internals.v1_graphs.is_in_graph(which, scope.graph) else []
            scope.done.add(merge)

    def _emit_loop(self, loop: Loop, scope: Scope) -> None:
        tf = tf_internals.import_tensorflow()
        initial = [self.tensor(variable.initial, scope) for variable in loop.variables]

        def turn(values: Sequence[Any]) -> Scope:
            inside = Scope(tf.compat.v1.get_default_graph(), scope, loop)
            for variable, value in zip(loop.variables, values):
                inside.values[Output(variable.merge, 0)] = value
                inside.done.add(variable.merge)
                for switch in variable.switches:
                    inside.values[Output(switch, 1)] = value
                    inside.done.add(switch)
            return inside

        def condition(*values: Any) -> Any:
            return self.tensor(loop.condition, turn(values))

        def body(*values: Any) -> list[Any]:
            inside = turn(values)
            for control in self.program.controls_of(name for it in loop.variables for name in it.before_next):
                self._trace(control.node, inside)
            return [self.tensor(variable.next, inside) for variable in loop.variables]

        results = self._repeat(loop, condition, body, initial)
        if not loop.options.back_prop:
            results = [_without_gradient(result) for result in results]
        for variable, result in zip(loop.variables, results):
            for name in variable.exits:
                scope.values[Output(name, 0)] = result
                scope.operations[name] = [result.op] if tf_internals.v1_graphs.is_in_graph(result, scope.graph) else []
                scope.done.add(name)

    def _repeat(self, loop: Loop, condition: Any, body: Any, initial: list[Any]) -> Sequence[Any]:
        """Makes a `tf.while_loop`, whose variables may change their shapes as much as they need to."""
        tf = tf_internals.import_tensorflow()
        results: Sequence[Any] = ()
        declared = [self._declared_shape(variable.merge) for variable in loop.variables]
        for relax in (_as_declared, _of_same_rank, _of_any_shape):
            shapes = [relax(value, shape) for value, shape in zip(initial, declared)]
            try:
                results = tf.compat.v2.while_loop(
                    condition,
                    body,
                    initial,
                    shape_invariants=shapes,
                    parallel_iterations=loop.parallel_iterations,
                    swap_memory=loop.options.swap_memory,
                )
            except ValueError as error:
                # TensorFlow's words for a shape that changes from turn to turn; the next invariants allow for more.
                if relax is _of_any_shape or "shape" not in str(error):
                    raise
            else:
                break
        return results

    def _declared_shape(self, merge: str) -> Any:
        """The shape that TF1 found for a loop's variable, which the graph of a SavedModel tells."""
        tf = tf_internals.import_tensorflow()
        attr = self.program.graph.nodes[merge].attr
        shapes = attr["_output_shapes"].list.shape if "_output_shapes" in attr else ()
        return tf.TensorShape(shapes[0]) if shapes else None

    def _untraceable(self, node: Node, reason: str) -> InvalidModule:
        return InvalidModule(f"Node {node.name!r} ({node.op}) cannot be traced: {reason}.")


def _without_gradient(value: Any) -> Any:
    """A tensor, or a TensorArray by its flow, that hands no gradient on."""
    tf = tf_internals.import_tensorflow()
    if isinstance(value, tf.TensorArray):
        return tf_internals.v1_graphs.tensor_array_with_flow(value, tf.stop_gradient(value.flow))
    return tf.stop_gradient(value) if tf.is_tensor(value) else value


def _as_declared(value: Any, declared: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    if not isinstance(value, tf.Tensor):
        return tf.TensorShape(None)
    if declared is None or declared.ndims is None or value.shape.ndims != declared.ndims:
        return value.shape if declared is None else tf.TensorShape(None)
    pairs = zip(value.shape.as_list(), declared.as_list())
    return tf.TensorShape([size if size == other else None for size, other in pairs])


def _of_same_rank(value: Any, declared: Any) -> Any:
    del declared
    tf = tf_internals.import_tensorflow()
    if not isinstance(value, tf.Tensor) or value.shape.ndims is None:
        return tf.TensorShape(None)
    return tf.TensorShape([None] * value.shape.ndims)


def _of_any_shape(value: Any, declared: Any) -> Any:
    del value, declared
    return tf_internals.import_tensorflow().TensorShape(None)


def _path_of_asset(retracing: Retracing, node: Node, _: Scope) -> Sequence[Any]:
    """The path of a file of the module, which is another one in a copy of the module."""
    path = retracing.state.asset(retracing.program, node).asset_path
    shape = [dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]
    return [tf_internals.import_tensorflow().reshape(path, shape)]
