"""RH103: functions that are returned, passed on and kept where their tensors were."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.deferred import Deferral
from rehub.migrate.code.plan import Plan, is_leaf, is_parametric
from rehub.migrate.code.sessions import arguments_for
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.values import Entries, Tensor


class FunctionValues:
    """Finds where a tensor is handed on: its function goes there, and placeholders and sessions go."""

    def __init__(self, plan: Plan, deferral: Deferral) -> None:
        self.plan = plan
        self.deferral = deferral
        self.run_arguments: set[cst.Arg] = set()

    def find_run_parameters(self) -> None:
        """Find the parameters that bring a tensor to be run, or a placeholder to be fed: functions, and nothing."""
        plan = self.plan
        uses: dict[cst.Param, list[cst.CSTNode]] = {}
        for node, value in plan.record.facts.items():
            if is_parametric(value) and isinstance(value, Tensor) and not isinstance(plan.parents.get(node), cst.Param):
                uses.setdefault(value.definition, []).append(node)  # type: ignore[arg-type]
        run = {part for fetch in plan.record.fetches.values() for part in self.run_parts(fetch)}
        for parameter, nodes in uses.items():
            flags = {node in run for node in nodes}
            brought = plan.fact(parameter.name)
            if flags == {True}:
                self.run_arguments |= self.arguments_of(parameter)
                if isinstance(brought, Tensor) and not brought.is_input:
                    plan.functions.update(nodes)
            elif isinstance(brought, Tensor) and brought.is_input:
                plan.kept_parameters.add(parameter)
                if True in flags:
                    plan.block(parameter, "RH103", f"the placeholder `{parameter.name.value}` is fed and computed with")

    def run_parts(self, fetch: Fetch) -> list[cst.CSTNode]:
        """Return the leaves in what a run fetches, and in the keys of what it feeds."""
        found: list[cst.CSTNode] = list(self.deferral.leaves(fetch.fetched))
        if isinstance(fetch.feed_value, Entries) and isinstance(fetch.feed_value.node, cst.Dict):
            found += [e.key for e in fetch.feed_value.node.elements if isinstance(e, cst.DictElement)]
        return found

    def arguments_of(self, parameter: cst.Param) -> set[cst.Arg]:
        """Return the arguments that calls give for a parameter."""
        plan = self.plan
        function = next((a for a in plan.ancestors(parameter) if isinstance(a, (cst.FunctionDef, cst.Lambda))), None)
        return set(arguments_for(plan, function, parameter)) if function is not None else set()

    def find_function_values(self) -> None:
        """Let a function be returned, passed on and kept where its tensor was."""
        for node, value in list(self.plan.record.facts.items()):
            if (
                not is_leaf(value)
                or is_parametric(value)
                or not isinstance(value, Tensor)
                or value.is_input
                or value.is_variable
            ):
                continue
            definition = self.deferral.definition_of(node)
            if definition is None or self.deferral.is_parametric_definition(definition):
                continue
            parent = self.plan.parents.get(node)
            if isinstance(parent, cst.Arg) and parent in self.run_arguments:
                self.plan.functions.add(node)
                self.deferral.need(node)  # type: ignore[arg-type]
                continue
            if isinstance(parent, cst.Element):
                parent = self.plan.parents.get(self.plan.parents[parent])
            if isinstance(parent, cst.DictElement) and parent.value is node:
                parent = self.plan.parents.get(self.plan.parents[parent])
            if isinstance(parent, (cst.Return, cst.Comparison)) or (
                isinstance(parent, cst.Assign) and not self.is_target(node)
            ):
                self.plan.functions.add(node)
                self.deferral.need(node)  # type: ignore[arg-type]

    def is_target(self, node: cst.CSTNode) -> bool:
        """Tell whether an expression is assigned to."""
        return any(isinstance(ancestor, cst.AssignTarget) for ancestor in self.plan.ancestors(node))
