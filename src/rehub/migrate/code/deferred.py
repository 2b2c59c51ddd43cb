"""RH103: what is computed from placeholders becomes a function of them.

A statement like `logits = f(images)`, with `images` a placeholder, is a definition. For each definition that a session
runs, the definitions that it needs are written into one function, with the placeholders as parameters, at its place.
"""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Builder, Renderer, Replacement, blank_lines, gap, parse_statements
from rehub.migrate.code.layers import apply_layer, write_layer
from rehub.migrate.code.plan import Plan, vanishes
from rehub.migrate.code.slices import FunctionPlan, Slices
from rehub.migrate.code.store import Definition
from rehub.migrate.code.trees import code_of, flatten, iter_nodes
from rehub.migrate.code.values import Entries, Items, Plain, Source, Tensor, Value, sources_of

_RANDOM = "each call draws other numbers, as each run did; a seed gives other numbers than in TensorFlow 1"
_LINE_LENGTH = 100


class Deferral(Slices):
    """Plans functions for definitions."""

    def write_functions(self) -> None:
        """Plan the removal of all definitions, and the functions in the places of those that are needed."""
        plan = self.plan
        if self.functions and not self.tf:
            plan.block(plan.module, "RH103", "`import tensorflow as tf` is not at the top of the program")
        for node in plan.record.layer_randoms:
            plan.change(node, "RH106", "b", _RANDOM)
        for definition in list(plan.record.definitions.values()):
            if self.is_parametric_definition(definition):
                continue
            own = [f for f in self.functions.values() if f.definition is definition]
            prelude = self.preludes.setdefault(definition.statement, [])  # Training may add to it later.
            if not own and not prelude and any(True for _ in self.repeated_calls(definition.value)):
                self.hoist_calls(definition)
                prelude = self.preludes.setdefault(definition.statement, [])  # Training may add to it later.
            line = plan.parents[definition.statement]
            if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
                plan.block(definition.statement, "RH103", "several statements on a line")
                continue
            plan.edits.replace(line, self.builder(line, own, prelude))
            plan.change(definition.statement, "RH103", "a", "tensors of placeholders become a function")
            before = frozenset().union(
                *(sources_of(self.plan.fact(leaf) or Plain()) for leaf in self.leaves(definition.value))
            )
            if any(source.kind == "random" for source in definition.sources - before):
                plan.change(definition.statement, "RH106", "b", _RANDOM)

    def builder(
        self, line: cst.SimpleStatementLine, functions: list[FunctionPlan], prelude: list[tuple[str, cst.CSTNode]]
    ) -> Builder:
        """Return what builds the functions in the place of a definition's line."""

        def build(renderer: Renderer) -> Replacement:
            config = self.plan.module.config_for_parsing
            statements: list[cst.CSTNode] = [gap(line.leading_lines)]
            for name, call in prelude:
                is_layer = call in self.plan.record.layers
                code = write_layer(self.plan, call, self.tf, renderer) if is_layer else renderer.code(call)
                statements += parse_statements(f"{name} = {code}", config)
            is_top = is_at_top(self.plan, line)
            around = blank_lines(2 if is_top else 1)
            for function in functions:
                first_in_block = (
                    not prelude
                    and isinstance(self.plan.parents[line], cst.IndentedBlock)
                    and (
                        self.plan.parents[line].body[0] is line  # type: ignore[attr-defined]
                    )
                )
                statements.append(gap(() if first_in_block else around))
                statements += parse_statements(self.function_code(function, renderer), config)
                if function.attribute:
                    statements.append(gap(blank_lines(1)))
                    statements += parse_statements(f"{function.attribute} = {function.name}", config)
                statements.append(gap(around))
            return cst.FlattenSentinel(statements)

        return build

    def function_code(self, function: FunctionPlan, renderer: Renderer) -> str:
        """Return the text of a function."""
        indent = self.plan.module.default_indent
        parameters = ", ".join(self.parameter_name(source) for source in function.parameters)
        lines = self.body_lines(function, indent, renderer)
        body = "".join(f"{indent}{line}\n" for line in lines)
        return f"{self.decorator(function, renderer)}def {function.name}({parameters}):\n{body}"

    def decorator(self, function: FunctionPlan, renderer: Renderer) -> str:
        """Return the line that compiles a function for the shapes and types of its placeholders."""
        specs = [self.spec_of(source, renderer) for source in function.parameters]
        if not specs or not all(specs):
            return ""
        code = f"@{self.tf}.function(input_signature=[{', '.join(specs)}])\n"
        if len(code) > _LINE_LENGTH:
            indent = self.plan.module.default_indent
            listed = "".join(f"{indent * 2}{spec},\n" for spec in specs)
            code = f"@{self.tf}.function(\n{indent}input_signature=[\n{listed}{indent}]\n)\n"
        return code

    def spec_of(self, source: Source, renderer: Renderer) -> str:
        """Return the `tf.TensorSpec` of a placeholder; "" if it is not known."""
        shape, dtype = self.shape_and_dtype(source)
        if dtype is None or not isinstance(source.node, cst.Call) or source.kind == "iterator":
            return ""
        if source.kind == "sparse":
            shapes = {"values": "[None]", "indices": "[None, None]", "dense_shape": "[None]"}
            kind = renderer.code(dtype) if source.part == "values" else f"{self.tf}.int64"
            return f"{self.tf}.TensorSpec({shapes[source.part]}, {kind})"
        is_known = shape is not None and not any(True for _ in self.leaves(shape))
        code = renderer.code(shape) if shape is not None and is_known else "None"
        code = "None" if code == "(None)" else code
        return f"{self.tf}.TensorSpec({code}, {renderer.code(dtype)})"

    def body_lines(self, function: FunctionPlan, indent: str, renderer: Renderer) -> list[str]:
        """Return the lines of the body of a function."""
        found = [part for definition in [function.definition, *function.also] for part in self.slice_of(definition)]
        parts = sorted({part.statement: part for part in found}.values(), key=lambda p: self.plan.position[p.statement])
        lines = []
        for part in parts:
            code = indent_lines(renderer.code(part.value, self.substitutions(part, function)), indent)
            is_last = part is parts[-1]
            if (
                is_last
                and not function.also
                and len(part.targets) == 1
                and flatten(part.targets[0]) == [part.targets[0]]
            ):
                lines.append(f"return {code}")
                return lines
            targets = " = ".join(self.local_target(target) for target in part.targets)
            lines.append(f"{targets} = {code}")
        returned = ", ".join(self.local_target(target) for target in function.targets)
        return [*lines, f"return {returned}"]

    def local_target(self, target: cst.BaseExpression) -> str:
        """Return a target as a local variable."""
        code = code_of(target)
        for name in flatten(target):
            if isinstance(name, cst.Attribute):
                code = code.replace(code_of(name), name.attr.value)
        return code

    def substitutions(self, part: Definition, function: FunctionPlan) -> dict[cst.CSTNode, Builder]:
        """Return what takes the place of the leaves of a definition in a function."""
        found: dict[cst.CSTNode, Builder] = {}
        for leaf in self.leaves(part.value):
            found[leaf] = constant_builder(self.leaf_code(leaf, function))
        for node in iter_nodes(part.value):
            code = self.container_code(node)
            if code:
                found[node] = constant_builder(code)
        for call in self.repeated_calls(part.value):
            found[call] = constant_builder(self.hoisted[call])
        for layer in self.layers_in(part.value):
            found[layer] = apply_layer(self.hoisted[layer], layer)
        return found

    def container_code(self, node: cst.CSTNode) -> str:
        """Return the display of a dict or list of placeholders that a name holds; "" if a node is none."""
        value = self.plan.fact(node) if isinstance(node, (cst.Name, cst.Attribute)) else None
        if isinstance(value, Entries) and vanishes(value):
            pairs = [(key.constant, item) for key, item in value.entries if isinstance(key, Plain)]
            codes = [f'"{key}": {self.input_code(item)}' for key, item in pairs if isinstance(key, str)]
            return f"{{{', '.join(codes)}}}" if len(codes) == len(value.entries) else ""
        if isinstance(value, Items) and vanishes(value) and sources_of(value):
            return f"[{', '.join(map(self.input_code, value.items))}]"
        return ""

    def input_code(self, value: Value) -> str:
        """Return the parameter that a placeholder in a dict or list is."""
        source = value.placeholder if isinstance(value, Tensor) else None
        return self.parameter_name(source) if source is not None else "None"

    def leaf_code(self, leaf: cst.BaseExpression, function: FunctionPlan) -> str:
        """Return what a leaf is in a function: a parameter, a local variable, or a call of another function."""
        value = self.plan.fact(leaf)
        assert isinstance(value, Tensor)
        if value.placeholder is not None:
            name, part = self.parameter_name(value.placeholder), value.placeholder.part
            if part == "*":
                self.plan.block(leaf, "RH108", "it is not known which placeholder of a module's inputs this is")
            return f'{name}["{part}"]' if value.is_described and part else name
        if value.is_variable:
            return code_of(leaf)
        definition = self.definition_of(leaf)
        if definition is not None and definition.scope is function.definition.scope:
            return leaf.attr.value if isinstance(leaf, cst.Attribute) else code_of(leaf)
        arguments = ", ".join(self.parameter_name(source) for source in self.parameters_of(value.sources))
        return f"{code_of(leaf)}({arguments})"


def indent_lines(code: str, indent: str) -> str:
    """Return an expression with the lines after its first indented; as it is if a string in it may go over lines."""
    return code if '"""' in code or "'''" in code else code.replace("\n", "\n" + indent)


def constant_builder(code: str) -> Builder:
    """Return a builder of an expression."""
    return lambda _: cst.parse_expression(code)


def is_at_top(plan: Plan, line: cst.CSTNode) -> bool:
    """Tell whether a line is in no function, loop or condition: two blank lines go around a function there."""
    others = (cst.FunctionDef, cst.ClassDef, cst.For, cst.While, cst.If, cst.Try)
    return not any(isinstance(ancestor, others) for ancestor in plan.ancestors(line))
