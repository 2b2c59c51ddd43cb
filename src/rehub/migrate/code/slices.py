"""RH103: which statements compute a tensor from placeholders, and whether a function of them does the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Iterator

import libcst as cst

from rehub.migrate.code.layers import layer_word
from rehub.migrate.code.plan import Plan, is_leaf, is_parametric
from rehub.migrate.code.store import Definition
from rehub.migrate.code.trees import arguments_by_name, children_of, code_of, flatten, is_self_attribute, iter_nodes
from rehub.migrate.code.values import (
    Api,
    Function,
    HubModule,
    Source,
    SparsePlaceholder,
    Tensor,
    sources_of,
    tensorflow_path,
)

PURE_BUILTINS = frozenset(
    ["int", "float", "len", "str", "list", "tuple", "dict", "range", "min", "max", "sum", "zip", "bool"]
)


@dataclass
class FunctionPlan:
    """A function that takes the place of a definition.

    Attributes:
        name: what it is called where it is written.
        targets: what of the definitions it returns: one name, or several.
        attribute: the text of the attribute that it is assigned to, if it is not a plain name.
        also: other definitions whose targets it returns.
    """

    definition: Definition
    name: str
    targets: list[cst.BaseExpression]
    parameters: list[Source]
    attribute: str = ""
    also: list[Definition] = field(default_factory=list)


class Slices:
    """Finds what a deferred tensor needs, and blocks what a function would change."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.functions: dict[tuple[cst.CSTNode, str], FunctionPlan] = {}
        self.names = self._name_sources()
        self.sparse = [node for node in self.names if isinstance(plan.fact(node), SparsePlaceholder)]
        self.hoisted: dict[cst.CSTNode, str] = {}
        self.preludes: dict[cst.CSTNode, list[tuple[str, cst.CSTNode]]] = {}
        self.tf = plan.package_name("tensorflow") or plan.package_name("tensorflow.compat.v1")

    def _name_sources(self) -> dict[cst.CSTNode, str]:
        names: dict[cst.CSTNode, str] = {}
        for node, value in self.plan.record.facts.items():
            is_source = isinstance(value, Tensor) and value.is_input and value.definition is node
            is_source |= isinstance(value, SparsePlaceholder) and value.node is node
            if is_source or node in self.plan.record.iterators:
                names[node] = self._name_source(node)
        return names

    def _name_source(self, node: cst.CSTNode) -> str:
        """Return the name that a program gives a placeholder."""
        parent = self.plan.parents.get(node)
        if isinstance(parent, cst.Assign):
            target = parent.targets[0].target
            if isinstance(target, cst.Name):
                return target.value
            if isinstance(target, cst.Attribute):
                return target.attr.value
        given = arguments_by_name(node).get("name") if isinstance(node, cst.Call) else None
        name = getattr(given, "evaluated_value", None)
        return name if isinstance(name, str) and name.isidentifier() else "inputs"

    def parameter_name(self, source: Source) -> str:
        """Return the name of the parameter that stands for a placeholder."""
        name = self.names.get(source.node, "inputs")
        if source.kind == "entries" or not source.part:
            return name
        facts = self.plan.record.facts
        is_one_of_several = (
            source.kind == "sparse" and sum(isinstance(facts[n], SparsePlaceholder) for n in self.names) > 1
        )
        return f"{name}_{source.part}" if is_one_of_several else source.part

    def parameters_of(self, sources: frozenset[Source]) -> list[Source]:
        """Return the placeholders among sources, in the order of the program."""
        parts = ("values", "indices", "dense_shape", "")
        inputs = [source for source in sources if source.kind in {"placeholder", "sparse", "iterator"}]
        inputs += list({replace(source, part="") for source in sources if source.kind == "entries"})
        place = {part: index for index, part in enumerate(parts)}
        return sorted(inputs, key=lambda source: (source.order, place.get(source.part, -1), source.part))

    def leaves(self, node: cst.CSTNode) -> Iterator[cst.BaseExpression]:
        """Yield the names of deferred tensors in an expression."""
        if isinstance(node, cst.BaseExpression) and is_leaf(self.plan.fact(node)):
            yield node
            return
        for child in children_of(node):
            yield from self.leaves(child)

    def definition_of(self, leaf: cst.CSTNode) -> Definition | None:
        """Return the definition that a leaf names; None for placeholders and parameters."""
        value = self.plan.fact(leaf)
        if isinstance(value, Tensor) and value.definition is not None:
            return self.plan.record.definitions.get(value.definition)
        return None

    def is_parametric_definition(self, definition: Definition) -> bool:
        """Tell whether a definition is computed from parameters of its function: then it stays where it is."""
        for leaf in self.leaves(definition.value):
            if is_parametric(self.plan.fact(leaf)):
                return True
            inner = self.definition_of(leaf)
            if inner is not None and inner is not definition and self.is_parametric_definition(inner):
                return True
        return False

    def check_branches(self) -> None:
        """Block a tensor that branches compute in several ways, unless they are in a function that stays as it is."""
        for node, value in self.plan.record.facts.items():
            for other in value.others if isinstance(value, Tensor) else ():
                definition = self.plan.record.definitions.get(other)
                if definition is not None and not self.is_parametric_definition(definition):
                    self.plan.block(node, "RH103", "a tensor is defined under a condition")

    def slice_of(self, definition: Definition) -> list[Definition]:
        """Return a definition and those of its scope that it needs, in the order of the program."""
        found: dict[cst.CSTNode, Definition] = {}
        pending = [definition]
        while pending:
            current = pending.pop()
            if current.statement in found:
                continue
            found[current.statement] = current
            for leaf in self.leaves(current.value):
                inner = self.definition_of(leaf)
                if inner is not None and inner.scope is definition.scope:
                    pending.append(inner)
        return sorted(found.values(), key=lambda item: self.plan.position[item.statement])

    def need(self, leaf: cst.BaseExpression) -> FunctionPlan | None:
        """Return the function that takes the place of the tensor that a leaf names."""
        definition = self.definition_of(leaf)
        if definition is None:
            return None
        if self.is_parametric_definition(definition):
            self.plan.block(leaf, "RH103", f"`{code_of(leaf)}` is computed from a parameter, and run here")
            return None
        target = self.target_for(definition, leaf)
        if target is None:
            self.plan.block(leaf, "RH103", f"it is not known which tensor `{code_of(leaf)}` is")
            return None
        key = (definition.statement, code_of(target))
        if key not in self.functions:
            is_name = isinstance(target, cst.Name)
            name = target.value if isinstance(target, cst.Name) else target.attr.value  # type: ignore[attr-defined]
            parameters = self.parameters_of(definition.sources)
            self.functions[key] = FunctionPlan(
                definition, name, [target], parameters, "" if is_name else code_of(target)
            )
            self.check_slice(definition, parameters)
        return self.functions[key]

    def target_for(self, definition: Definition, leaf: cst.BaseExpression) -> cst.BaseExpression | None:
        """Return the target of a definition that a leaf means, if there is one that can be a function."""
        names = [name for target in definition.targets for name in flatten(target)]
        usable = [name for name in names if isinstance(name, cst.Name) or is_self_attribute(name)]
        if len(usable) == len(names) == 1:
            return usable[0]
        wanted = code_of(leaf)
        return next((name for name in usable if code_of(name) == wanted), None)

    def check_slice(self, definition: Definition, parameters: list[Source]) -> None:
        """Block what a function of these definitions would change; need the functions of other scopes that it calls."""
        plan = self.plan
        for part in self.slice_of(definition):
            if not isinstance(part.statement, (cst.Assign, cst.AnnAssign)):
                plan.block(part.statement, "RH103", "a tensor that depends on a placeholder is changed in place")
            for leaf in self.leaves(part.value):
                inner = self.definition_of(leaf)
                if inner is not None and inner.scope is not definition.scope:
                    self.need(leaf)
            self.hoist_calls(part)
            self.check_free_names(part, definition)
        names = [self.parameter_name(source) for source in parameters]
        if len(set(names)) < len(names):
            plan.block(definition.statement, "RH103", "two placeholders have one name")
        if any(is_conditional(a) and not self.is_whole_use_in(a, definition) for a in self.blocks_around(definition)):
            plan.block(definition.statement, "RH103", "a tensor is defined under a condition")

    def is_whole_use_in(self, block: cst.CSTNode, definition: Definition) -> bool:
        """Tell whether the body of a `try` has all uses of a definition, too."""
        return isinstance(block, cst.Try) and all(
            block.body in self.plan.ancestors(node)
            for node, value in self.plan.record.facts.items()
            if isinstance(value, Tensor) and value.definition is definition.statement
        )

    def blocks_around(self, definition: Definition) -> list[cst.CSTNode]:
        """Return the blocks of its own scope that a definition is in."""
        found = []
        for ancestor in self.plan.ancestors(definition.statement):
            if ancestor is definition.scope:
                break
            found.append(ancestor)
        return found

    def check_free_names(self, part: Definition, definition: Definition) -> None:
        """Block a name that a function would see with another value than the graph was built with."""
        plan = self.plan
        local = {code_of(name) for other in self.slice_of(definition) for t in other.targets for name in flatten(t)}
        for node in iter_nodes(part.value):
            if not isinstance(node, (cst.Name, cst.Attribute)) or node not in plan.record.facts:
                continue
            value = plan.fact(node)
            if isinstance(value, Api) or is_leaf(value):
                continue
            code = code_of(node)
            if code in local or code in {name.rpartition(".")[2] for name in local}:
                plan.block(node, "RH103", f"`{code}` is a tensor of a placeholder, and something else before")
            elif isinstance(node, cst.Attribute):
                if len(plan.attribute_bindings.get(node.attr.value, ())) > 1:
                    plan.block(node, "RH103", f"`{code}` is assigned more than once")
            elif self.changes_later(node.value, definition):
                plan.block(node, "RH103", f"`{code}` changes after the tensors that use it were built")
        for call in iter_nodes(part.value):
            function = plan.fact(call.func) if isinstance(call, cst.Call) else None
            if isinstance(function, Function):
                self.check_pure(call, function.node, set())

    def changes_later(self, name: str, definition: Definition) -> bool:
        """Tell whether a name is bound again after a definition, or by a function that declares it global."""
        plan = self.plan
        bindings = plan.bindings.get(name, ())
        if name in plan.global_names and len(bindings) > 1:
            return True
        return any(
            plan.position[other] > plan.position[definition.statement]
            and plan.scope_of(other) in {definition.scope, None}
            for other in bindings
        )

    def check_pure(self, call: cst.CSTNode, function: cst.CSTNode, seen: set[cst.CSTNode]) -> None:
        """Block a function that does more than compute: it would do it again, and later."""
        plan = self.plan
        if function in seen:
            return
        seen.add(function)
        for node in iter_nodes(function):
            if isinstance(node, (cst.Global, cst.Nonlocal)) or (
                isinstance(node, cst.Expr)
                and isinstance(node.value, cst.Call)
                and not self.is_harmless(node.value)
                and node.value not in plan.record.graph_prints
            ):
                plan.block(call, "RH103", "a function that builds tensors of a placeholder does more than that")
                return
            inner = plan.fact(node.func) if isinstance(node, cst.Call) else None
            if isinstance(inner, Function):
                self.check_pure(call, inner.node, seen)
            module = plan.fact(node)
            is_made = isinstance(module, HubModule) and module.call is node
            is_trained = isinstance(module, HubModule) and module.is_trainable and plan.record.is_training
            if is_made and not is_trained and isinstance(node, cst.Call) and node not in plan.repeated_loads:
                plan.repeated_loads.append(node)

    def hoist_calls(self, part: Definition) -> None:
        """Give names to calls that a function must not repeat: modules that are loaded, data that is read."""
        for layer in self.layers_in(part.value):
            if layer not in self.hoisted:
                self.hoisted[layer] = self.plan.unused_name(layer_word(layer))
                self.preludes.setdefault(part.statement, []).append((self.hoisted[layer], layer))
        for call in self.repeated_calls(part.value):
            if call in self.hoisted:
                continue
            wanted = "module" if isinstance(self.plan.fact(call), HubModule) else "value"
            self.hoisted[call] = self.plan.unused_name(wanted)
            self.preludes.setdefault(part.statement, []).append((self.hoisted[call], call))

    def layers_in(self, node: cst.CSTNode) -> list[cst.Call]:
        """Return the calls of tf.layers in an expression."""
        found = [node] if isinstance(node, cst.Call) and node in self.plan.record.layers else []
        for child in children_of(node):
            found += self.layers_in(child)
        return found

    def repeated_calls(self, node: cst.CSTNode) -> Iterator[cst.Call]:
        """Yield the outermost calls in an expression that are not deferred, and may do more than compute."""
        if isinstance(node, cst.Call) and not self.is_deferred(node) and not self.is_harmless(node):
            yield node
            return
        if isinstance(node, cst.Lambda):
            return
        for child in children_of(node):
            yield from self.repeated_calls(child)

    def is_deferred(self, node: cst.CSTNode) -> bool:
        """Tell whether an expression has a deferred tensor in it."""
        value = self.plan.fact(node)
        return value is not None and bool(sources_of(value))

    def is_harmless(self, node: cst.Call) -> bool:
        """Tell whether a call may be done at each run: an op of TensorFlow, a module, a builtin."""
        function = self.plan.fact(node.func)
        if tensorflow_path(function) or isinstance(function, HubModule):
            return True
        return isinstance(node.func, cst.Name) and node.func.value in PURE_BUILTINS

    def shape_and_dtype(self, source: Source) -> tuple[cst.BaseExpression | None, cst.BaseExpression | None]:
        """Return the arguments of a placeholder."""
        if not isinstance(source.node, cst.Call) or code_of(source.node.func).endswith("with_default"):
            return None, None
        if source.kind in {"iterator", "entries"}:
            return None, None
        arguments = arguments_by_name(source.node, ("dtype", "shape"))
        return arguments.get("shape"), arguments.get("dtype")


def is_conditional(node: cst.CSTNode) -> bool:
    """Tell whether what a block defines may be missing after it, as it is not after `if x is None: x = ...`."""
    if isinstance(node, cst.Try):
        return bool(node.handlers)
    if not isinstance(node, cst.If):
        return False
    test = node.test
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        tested = test.expression
    elif isinstance(test, cst.Comparison) and code_of(test).endswith(" is None"):
        tested = test.left
    else:
        return True
    targets = [part.target for part in iter_nodes(node.body) if isinstance(part, cst.AssignTarget)]
    return node.orelse is not None or code_of(tested) not in map(code_of, targets)
