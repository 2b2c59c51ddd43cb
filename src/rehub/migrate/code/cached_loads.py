"""RH101: modules that a function makes each time it builds a part of the graph are loaded once, and kept."""

from __future__ import annotations

from typing import Sequence

import libcst as cst

from rehub.migrate.code.edits import Builder, Renderer, Replacement, blank_lines, parse_statements
from rehub.migrate.code.modules import loader_name, module_arguments
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import HubModule

_MESSAGE = "the module is loaded once: the function around it, which built a part of the graph, may be called often now"


def cache_loads(plan: Plan) -> None:
    """Plan one cached `hub.load` for the modules that functions make again and again."""
    for node, value in plan.record.facts.items():
        if isinstance(value, HubModule) and value.call is node and plan.scope_of(node) in plan.record.layer_functions:
            plan.repeated_loads.append(value.call)
    arguments = {node: module_arguments(plan, node) or {} for node in plan.repeated_loads}
    nodes = [node for node, given in arguments.items() if given and "tags" not in given]  # A set is not hashable.
    line = find_last_import(plan)
    if not nodes or line is None:
        return
    load = loader_name(nodes[0].func)
    if any(loader_name(node.func) != load for node in nodes):
        return
    name = plan.unused_name("load_module")
    for node in nodes:
        plan.edits.replace(node, call_builder(name, arguments[node]["spec"]))
        plan.change(node, "RH101", "a", _MESSAGE)
    functools = plan.package_name("functools")
    code = f"{name} = {functools or 'functools'}.lru_cache(maxsize=None)({load})\n"

    def build(renderer: Renderer) -> Replacement:
        config = plan.module.config_for_parsing
        imports = [] if functools else parse_statements("import functools\n", config)
        assignment = parse_statements(code, config)[0]
        assert isinstance(assignment, cst.SimpleStatementLine)
        kept = renderer.render_inside(line)
        lines = list(kept) if isinstance(kept, cst.FlattenSentinel) else [kept]
        return cst.FlattenSentinel([*lines, *imports, assignment.with_changes(leading_lines=blank_lines(1))])  # type: ignore[list-item]

    plan.edits.replace(line, build)


def call_builder(name: str, handle: cst.BaseExpression) -> Builder:
    """Return a builder of a call of the cached function."""
    return lambda renderer: cst.parse_expression(f"{name}({renderer.code(handle)})")


def find_last_import(plan: Plan) -> cst.SimpleStatementLine | None:
    """Return the last of the imports at the top of a program, if that of TensorFlow Hub is one of them."""
    found, has_hub = None, False
    for statement in plan.module.body:
        parts: Sequence[cst.CSTNode] = statement.body if isinstance(statement, cst.SimpleStatementLine) else ()
        is_import = bool(parts) and all(isinstance(part, (cst.Import, cst.ImportFrom)) for part in parts)
        if is_import and isinstance(statement, cst.SimpleStatementLine):
            found = statement
            has_hub |= "tensorflow_hub" in code_of(statement) or "rehub" in code_of(statement)
        elif (
            not all(isinstance(part, cst.Expr) and isinstance(part.value, cst.SimpleString) for part in parts)
            or not parts
        ):
            break
    return found if has_hub else None
