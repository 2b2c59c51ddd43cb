"""RH103: several tensors that one run fetches are computed by one function, as one run computed them."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.deferred import Deferral
from rehub.migrate.code.plan import Plan, is_leaf, is_parametric
from rehub.migrate.code.slices import FunctionPlan
from rehub.migrate.code.store import Definition, Fetch
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import Source, Tensor

_LONGEST_NAME = 50


class Groups:
    """Plans functions of several tensors."""

    def __init__(self, plan: Plan, deferral: Deferral) -> None:
        self.plan = plan
        self.deferral = deferral
        self.functions: dict[tuple[str, ...], FunctionPlan] = {}

    def find_group(self, fetch: Fetch) -> FunctionPlan | None:
        """Return the function for all that a run fetches; None if its tensors have to be computed one by one."""
        if not isinstance(fetch.fetched, (cst.List, cst.Tuple)) or len(fetch.fetched.elements) < 2:
            return None
        leaves = [element.value for element in fetch.fetched.elements]
        definitions = [self.definition_in_group(leaf) for leaf in leaves]
        known = [definition for definition in definitions if definition is not None]
        scopes = {definition.scope for definition in known}
        targets = [self.deferral.target_for(definition, leaf) for definition, leaf in zip(known, leaves)]
        usable = [target for target in targets if target is not None]
        if len(usable) < len(leaves) or len(scopes) != 1 or not self.is_visible(fetch, leaves, next(iter(scopes))):
            return None
        key = tuple(code_of(leaf) for leaf in leaves)
        if key not in self.functions:
            self.functions[key] = self.plan_function(key, known, usable)
        return self.functions[key]

    def definition_in_group(self, leaf: cst.BaseExpression) -> Definition | None:
        """Return the definition of a tensor that can be computed with others."""
        value = self.plan.fact(leaf)
        if not is_leaf(value) or is_parametric(value) or not isinstance(value, Tensor) or value.form:
            return None
        definition = self.deferral.definition_of(leaf)
        return None if definition is None or self.deferral.is_parametric_definition(definition) else definition

    def is_visible(self, fetch: Fetch, leaves: list[cst.BaseExpression], scope: cst.CSTNode | None) -> bool:
        """Tell whether a function at the definitions can be called where a run is."""
        if all(isinstance(leaf, cst.Name) for leaf in leaves):
            names = {code_of(leaf) for leaf in leaves}
            return not names & self.plan.global_names and (scope is None or scope in self.plan.ancestors(fetch.node))
        owners = {code_of(leaf.value) if isinstance(leaf, cst.Attribute) else "" for leaf in leaves}
        return owners == {"self"}

    def plan_function(
        self, key: tuple[str, ...], definitions: list[Definition], targets: list[cst.BaseExpression]
    ) -> FunctionPlan:
        """Plan the function of a group, at the last of its definitions."""
        last = max(definitions, key=lambda definition: self.plan.position[definition.statement])
        words = [name.rpartition(".")[2] for name in key]
        name = "_and_".join(words)
        name = self.plan.unused_name(name if len(name) <= _LONGEST_NAME else f"{words[0]}_and_others")
        sources: frozenset[Source] = frozenset()
        for definition in definitions:
            sources |= definition.sources
        parameters = self.deferral.parameters_of(sources)
        attribute = f"self.{name}" if key[0].startswith("self.") else ""
        function = FunctionPlan(last, name, targets, parameters, attribute, also=definitions)
        for definition in definitions:
            self.deferral.check_slice(definition, parameters)
        self.deferral.functions[last.statement, name] = function
        return function
