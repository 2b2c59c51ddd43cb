"""RH301: `optimizer.minimize(loss)` becomes a step with a gradient tape."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.deferred import Deferral, is_at_top
from rehub.migrate.code.edits import Builder, Renderer, Replacement, blank_lines, gap, parse_statements
from rehub.migrate.code.layers import check_layers, write_optimizer
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.training_steps import StepPlan, StepWriter, count_gradients, step_leaves
from rehub.migrate.code.trees import arguments_by_name, code_of, is_self_attribute
from rehub.migrate.code.values import (
    HubModule,
    Initializer,
    Items,
    Optimizer,
    Plain,
    Session,
    Tensor,
    TrainOp,
    is_of_gradients,
    iter_parts,
    sources_of,
    tensorflow_path,
)

_CHECK = "this training step: the first losses should be those of TensorFlow 1"


class Training:
    """Plans training steps."""

    def __init__(self, plan: Plan, deferral: Deferral) -> None:
        self.plan = plan
        self.deferral = deferral
        self.steps: dict[cst.Call, StepPlan] = {}

    def find_steps(self) -> None:
        """Plan a step for each call of `minimize`."""
        plan = self.plan
        check_layers(plan, self.deferral.tf)
        for node, value in list(plan.record.facts.items()):
            if isinstance(value, TrainOp) and value.call is node and isinstance(node, cst.Call):
                statement = plan.parents.get(node)
                target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
                is_named = isinstance(target, cst.Name) or (target is not None and is_self_attribute(target))
                given = arguments_by_name(node, ("loss",))
                loss = given.get("loss", given.get("grads_and_vars"))
                if not isinstance(statement, cst.Assign) or target is None or not is_named or loss is None:
                    plan.block(node, "RH301", "the training op has no name of its own")
                    continue
                name = target.attr.value if isinstance(target, cst.Attribute) else code_of(target)
                step = StepPlan(value, statement, name, loss)
                step.attribute = code_of(target) if isinstance(target, cst.Attribute) else ""
                step.rate = changing_rate(plan, value.optimizer)
                step.sources = value.loss.sources | sources_of(plan.fact(step.rate) or Plain())
                if isinstance(node.func, cst.Attribute) and isinstance(node.func.value, cst.Call):
                    step.optimizer = plan.unused_name("optimizer")
                self.steps[node] = step

    def check_initialization(self) -> None:
        """Block a program that initializes its variables again: in the new program they keep their values."""
        plan = self.plan
        if not self.steps:
            return
        runs = [plan.position[fetch.node] for fetch in plan.record.fetches.values() if is_step(fetch.value)]
        sessions = 0
        for node, value in plan.record.facts.items():
            if not isinstance(node, cst.Call):
                continue
            in_loop = any(isinstance(a, (cst.For, cst.While)) for a in plan.ancestors(node))
            path = tensorflow_path(plan.fact(node.func))
            is_session = isinstance(value, Session) and path.endswith("Session")
            sessions += is_session
            is_late = bool(runs) and plan.position[node] > min(runs)
            is_run = node in plan.record.fetches and isinstance(value, Initializer)
            if (is_session or is_run) and (in_loop or (is_run and is_late and plan.scope_of(node) is None)):
                plan.block(node, "RH301", "variables are initialized again here")
        for node in plan.remade_sessions:
            plan.block(node, "RH301", "a session that may be made again, with new values of the variables")
        if sessions > 1:
            plan.block(plan.module, "RH301", "several sessions: each has its own values of the variables")

    def step_of(self, fetch: Fetch) -> StepPlan | None:
        """Return the step that a run asks for."""
        for part in iter_parts(fetch.value):
            if isinstance(part, TrainOp):
                return self.steps.get(part.call)
        return None

    def add_results(self, fetch: Fetch) -> bool:
        """Note what a run asks for besides the step; block an order that cannot be kept."""
        step = self.step_of(fetch)
        if step is None or not isinstance(fetch.fetched, (cst.List, cst.Tuple)):
            return step is not None
        flags = [isinstance(self.plan.fact(element.value), TrainOp) for element in fetch.fetched.elements]
        if flags.count(True) != 1 or not (flags[0] or flags[-1]):
            self.plan.block(fetch.node, "RH301", "the training op is run in the middle of others")
            return True
        for element, is_step in zip(fetch.fetched.elements, flags):
            if is_step:
                continue
            value = self.plan.fact(element.value)
            if isinstance(value, Tensor) and value.is_variable:
                self.plan.block(
                    element.value, "RH301", "a variable is run with the training op, before or after the step"
                )
                return True
            if not isinstance(value, Tensor) or not value.is_deferred or value.definition is None or value.form:
                self.plan.block(element.value, "RH301", "something without a name is run with the training op")
                return True
            step.sources |= value.sources
            if code_of(element.value) not in [code_of(result) for result in step.results]:
                step.results.append(element.value)
        return True

    def fetch_code(self, fetch: Fetch, arguments: str, *, bare: bool, is_dropped: bool) -> str:
        """Return the code of a run of a step."""
        step = self.step_of(fetch)
        assert step is not None
        call = f"{step.attribute or step.name}({arguments})"
        if not isinstance(fetch.fetched, (cst.List, cst.Tuple)):
            return call
        elements = [element.value for element in fetch.fetched.elements]
        asked = [code_of(element) for element in elements if not isinstance(self.plan.fact(element), TrainOp)]
        known = [code_of(result) for result in step.results]
        if is_dropped and asked == known:
            return f"{call}.numpy()" if len(known) == 1 else f"(value.numpy() for value in {call})"
        if len(known) == 1 and asked == known:
            values = f"{call}.numpy()"
        elif asked == known:
            values = f"*(value.numpy() for value in {call})"
        elif not asked:
            values = f"{call} and None"
        else:
            self.plan.block(fetch.node, "RH301", "runs of the training op ask for different tensors")
            values = ""
        first = isinstance(self.plan.fact(elements[0]), TrainOp)
        code = f"None, {values}" if first else f"{values}, None"
        return code if bare else f"[{code}]"

    def write_steps(self) -> None:
        """Plan the functions, and the optimizers of Keras."""
        plan = self.plan
        for step in self.steps.values():
            self.check_step(step)
            line = plan.parents[step.statement]
            plan.edits.replace(line, self.builder(step, line))
            plan.change(step.statement, "RH301", "b", _CHECK)
        for node, value in list(plan.record.facts.items()):
            if isinstance(node, cst.Call) and value == Optimizer(node):
                write_optimizer(plan, node, self.deferral.tf, Renderer(plan.edits))
                plan.edits.replace(node, self.optimizer_builder(node))

    def optimizer_builder(self, node: cst.Call) -> Builder:
        """Return a builder of an optimizer of Keras."""
        return lambda renderer: cst.parse_expression(write_optimizer(self.plan, node, self.deferral.tf, renderer))

    def check_step(self, step: StepPlan) -> None:
        """Block a step whose definitions are not all in its scope, or whose variables have no name there."""
        inline = [step.loss, *([step.rate] if step.rate is not None else [])]
        if any(any(self.deferral.repeated_calls(each)) or self.deferral.layers_in(each) for each in inline):
            self.plan.block(step.statement, "RH301", "what is trained has calls in it: give them names of their own")
            return
        for leaf in step_leaves(step, self.deferral):
            definition = self.deferral.definition_of(leaf)
            if definition is None or definition.scope is not self.plan.scope_of(step.statement):
                self.plan.block(step.statement, "RH301", "the loss is computed in another function")
                return
            self.deferral.check_slice(definition, self.deferral.parameters_of(step.sources))
        if count_gradients(step, self.deferral) > 1:
            self.plan.block(step.statement, "RH301", "a training op with gradients of several losses")
        others = [each for each in self.steps.values() if each.operation.optimizer is step.operation.optimizer]
        if len({self.variables(each) for each in others}) > 1:
            self.plan.block(step.statement, "RH301", "an optimizer of several steps, which train different variables")

    def variables(self, step: StepPlan) -> str:
        """Return the code of the list of what is trained."""
        listed = step.operation.variables
        if listed is not None:
            for part in iter_parts(self.plan.fact(listed) or Plain()):
                if isinstance(part, Tensor) and part.is_variable and self.is_constant(part.definition):
                    self.plan.block(listed, "RH301", "a variable that a gradient tape does not watch is trained")
            if isinstance(listed, cst.Name) and len(self.plan.bindings.get(listed.value, ())) > 1:
                self.plan.block(listed, "RH301", "a list of variables that is assigned several times is trained")
            if not is_of_gradients(self.plan.fact(listed)):
                return f"list({code_of(listed)})"
        names = []
        for source in sorted(step.operation.loss.sources, key=lambda source: self.plan.position.get(source.node, 0)):
            if source.kind != "state" or self.is_constant(source.node):
                continue
            value = self.plan.fact(source.node)
            name = self.deferral.hoisted.get(source.node) or self.name_of(source.node)
            if not name:
                self.plan.block(source.node, "RH301", "what is trained has no name here")
            is_variable = isinstance(value, Tensor) and value.is_variable
            names.append(name if is_variable else f"*{name}.trainable_variables")
        if not names:
            self.plan.block(step.statement, "RH301", "no variable is found that this trains")
        if len(names) == 1 and names[0].startswith("*"):
            return names[0][1:]
        return f"[{', '.join(names)}]"

    def is_constant(self, node: cst.CSTNode | None) -> bool:
        """Tell whether a variable or module is made with `trainable=False`; block if it is not known."""
        names = ("spec", "trainable") if isinstance(self.plan.fact(node), HubModule) else ()
        argument = arguments_by_name(node, names).get("trainable") if isinstance(node, cst.Call) else None
        trainable = self.plan.constant(argument, default=True)
        if argument is not None and not isinstance(trainable, bool):
            self.plan.block(argument, "RH301", "it is not known whether this is trained")
        return trainable is False

    def name_of(self, node: cst.CSTNode) -> str:
        """Return the variable that holds what a call made."""
        parent = self.plan.parents.get(node)
        if isinstance(parent, cst.Assign) and len(parent.targets) == 1:
            return code_of(parent.targets[0].target)
        return ""

    def builder(self, step: StepPlan, line: cst.CSTNode) -> Builder:
        """Return a builder of the function of a step."""

        def build(renderer: Renderer) -> Replacement:
            config = self.plan.module.config_for_parsing
            is_top = is_at_top(self.plan, line)
            around = blank_lines(2 if is_top else 1)
            statements: list[cst.CSTNode] = [gap(line.leading_lines)]  # type: ignore[attr-defined]
            minimize = step.operation.call.func
            assert isinstance(minimize, cst.Attribute)
            optimizer = step.optimizer or code_of(minimize.value)
            if step.optimizer:
                statements += parse_statements(f"{optimizer} = {renderer.code(minimize.value)}", config)
            statements.append(gap(around))
            code = StepWriter(step, self.deferral, optimizer, self.variables(step)).write(renderer)
            statements += parse_statements(code, config)
            if step.attribute:
                assignment = parse_statements(f"{step.attribute} = {step.name}", config)
                statements += [gap(blank_lines(1)), *assignment]
            statements.append(gap(around))
            return cst.FlattenSentinel(statements)

        return build


def is_step(value: object) -> bool:
    """Tell whether a value is a training op, or has one in it."""
    return isinstance(value, TrainOp) or (isinstance(value, Items) and any(map(is_step, value.items)))


def changing_rate(plan: Plan, optimizer: cst.Call) -> cst.BaseExpression | None:
    """Return the learning rate of an optimizer, if runs may give it other values."""
    rate = arguments_by_name(optimizer, ("learning_rate",)).get("learning_rate")
    value = plan.fact(rate)
    return rate if isinstance(value, Tensor) and value.is_deferred else None
