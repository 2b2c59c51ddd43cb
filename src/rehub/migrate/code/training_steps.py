"""RH301: the text of a function that trains: the loss in a gradient tape, what is done to gradients, and the step."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import libcst as cst

from rehub.migrate.code.deferred import Deferral, constant_builder, indent_lines
from rehub.migrate.code.edits import Builder, Renderer
from rehub.migrate.code.slices import FunctionPlan
from rehub.migrate.code.store import Definition
from rehub.migrate.code.trees import arguments_by_name, code_of, flatten, iter_nodes
from rehub.migrate.code.values import Source, Tensor, TrainOp, is_of_gradients


@dataclass
class StepPlan:
    """A function that trains.

    Attributes:
        statement: the assignment of the op that it stands for.
        name: what it is called.
        loss: what is minimized, or the gradients that are applied.
        rate: the learning rate, if runs may give it other values.
        results: the tensors that runs of the op ask for with it.
        attribute: the text of the attribute that it is assigned to, if it is not a plain name.
    """

    operation: TrainOp
    statement: cst.Assign
    name: str
    loss: cst.BaseExpression
    rate: cst.BaseExpression | None = None
    results: list[cst.BaseExpression] = field(default_factory=list)
    sources: frozenset[Source] = frozenset()
    optimizer: str = ""
    attribute: str = ""


def step_leaves(step: StepPlan, deferral: Deferral) -> list[cst.BaseExpression]:
    """Return the names of the tensors that a step needs, without placeholders and variables."""
    parts = [step.loss, *([step.rate] if step.rate is not None else []), *step.results]
    leaves = [leaf for part in parts for leaf in deferral.leaves(part)]
    return [leaf for leaf in leaves if not is_given(deferral, leaf)]


def step_parts(step: StepPlan, deferral: Deferral) -> list[Definition]:
    """Return the statements that a step needs, in the order of the program."""
    parts: dict[cst.CSTNode, Definition] = {}
    for leaf in step_leaves(step, deferral):
        definition = deferral.definition_of(leaf)
        if definition is not None:
            parts.update((part.statement, part) for part in deferral.slice_of(definition))
    return sorted(parts.values(), key=lambda part: deferral.plan.position[part.statement])


def count_gradients(step: StepPlan, deferral: Deferral) -> int:
    """Return how many calls of a step give gradients: a gradient tape answers one."""
    expressions = [step.loss, *(part.value for part in step_parts(step, deferral))]
    calls = [node for each in expressions for node in iter_nodes(each) if node in deferral.plan.record.gradients]
    return sum(isinstance(call, cst.Call) and bool(call.args) for call in calls)


def is_given(deferral: Deferral, leaf: cst.BaseExpression) -> bool:
    """Tell whether a tensor is a placeholder or a variable."""
    value = deferral.plan.fact(leaf)
    return isinstance(value, Tensor) and (value.is_input or value.is_variable)


class StepWriter:
    """Writes the function of a step."""

    def __init__(self, step: StepPlan, deferral: Deferral, optimizer: str, variables: str) -> None:
        self.step = step
        self.deferral = deferral
        self.optimizer = optimizer
        self.variables = variables
        self.parts = step_parts(step, deferral)
        self.parameters = deferral.parameters_of(step.sources)
        last = self.parts[-1] if self.parts else Definition(step.statement, [], step.loss, None, step.sources)
        self.function = FunctionPlan(last, step.name, [], self.parameters)
        names = {name for part in self.parts for target in part.targets for name in map(code_of, flatten(target))}
        self.tape = "tape" if "tape" not in names else "gradient_tape"

    def write(self, renderer: Renderer) -> str:
        """Return the text of the function."""
        step, deferral, indent = self.step, self.deferral, self.deferral.plan.module.default_indent
        in_tape = [self.part_code(part, renderer, indent * 2) for part in self.parts if not is_after_tape(part)]
        body = [self.part_code(part, renderer, indent) for part in self.parts if is_after_tape(part)]
        loss = self.expression_code(step.loss, renderer)
        if not is_of_gradients(step.operation.loss):
            if not loss.isidentifier():
                in_tape.append(f"loss = {indent_lines(loss, indent * 2)}")
                loss = "loss"
            loss = f"zip({self.tape}.gradient({loss}, variables), variables)"
        if step.rate is not None:
            body.append(f"{self.optimizer}.learning_rate.assign({self.expression_code(step.rate, renderer)})")
        body.append(f"{self.optimizer}.apply_gradients({loss})")
        if any(re.search(r"\bvariables\b", line) for line in body):
            body.insert(0, f"variables = {self.variables}")
        counter = step.operation.counter
        if counter is not None and not isinstance(counter, cst.Call):
            body.append(f"{code_of(counter)}.assign_add(1)")
        returned = ", ".join(deferral.leaf_code(result, self.function) for result in step.results)
        lines = [f"with {deferral.tf}.GradientTape() as {self.tape}:", *(indent + line for line in in_tape), *body]
        lines += [f"return {returned}"] if returned else []
        words = ", ".join(deferral.parameter_name(source) for source in self.parameters)
        decorator = deferral.decorator(self.function, renderer) or f"@{deferral.tf}.function\n"
        return f"{decorator}def {step.name}({words}):\n" + "".join(f"{indent}{line}\n" for line in lines)

    def part_code(self, part: Definition, renderer: Renderer, indent: str) -> str:
        """Return the line of a statement that the step needs."""
        more = {**self.deferral.substitutions(part, self.function), **self.gradient_builders(part.value)}
        targets = " = ".join(self.deferral.local_target(target) for target in part.targets)
        return f"{targets} = {indent_lines(renderer.code(part.value, more), indent)}"

    def expression_code(self, node: cst.BaseExpression, renderer: Renderer) -> str:
        """Return the code of the loss, of gradients or of a learning rate in the step."""
        part = Definition(node, [], node, None, self.step.sources)
        return renderer.code(node, {**self.deferral.substitutions(part, self.function), **self.gradient_builders(node)})

    def gradient_builders(self, node: cst.CSTNode) -> dict[cst.CSTNode, Builder]:
        """Return what takes the place of calls that give gradients, or the variables to train."""
        calls = [each for each in iter_nodes(node) if each in self.deferral.plan.record.gradients]
        return {call: constant_builder(self.gradient_code(call)) for call in calls if isinstance(call, cst.Call)}

    def gradient_code(self, call: cst.Call) -> str:
        """Return the code of one such call."""
        arguments = arguments_by_name(call, ("loss", "var_list"))
        loss = arguments.get("loss", arguments.get("ys"))
        if loss is None:
            return "variables"
        listed = arguments.get("var_list", arguments.get("xs"))
        is_listed = listed is not None and self.deferral.plan.fact(listed) is not None
        inline = isinstance(listed, cst.Call) or not is_listed or code_of(listed or loss) == "None"
        trained = "variables" if inline else code_of(listed or loss)
        gradients = f"{self.tape}.gradient({self.deferral.leaf_code(loss, self.function)}, {trained})"
        is_pairs = "xs" not in arguments and code_of(call.func).endswith("compute_gradients")
        return f"list(zip({gradients}, {trained}))" if is_pairs else gradients


def is_after_tape(part: Definition) -> bool:
    """Tell whether a statement needs gradients."""
    return any(source.kind == "gradient" for source in part.sources)
