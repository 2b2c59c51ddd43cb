"""RH101: modules that a function makes each time it builds a part of the graph are loaded once, and kept."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.edits import Builder
from rehub.migrate.code.insertions import find_last_import, insert_after
from rehub.migrate.code.modules import loader_name, module_arguments
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.values import HubModule

_MESSAGE = "the module is loaded once: the function around it, which built a part of the graph, may be called often now"


def cache_loads(plan: Plan) -> None:
    """Plan one cached `hub.load` for the modules that functions make again and again."""
    for node, value in plan.record.facts.items():
        if isinstance(value, HubModule) and value.call is node and plan.scope_of(node) in plan.record.layer_functions:
            plan.repeated_loads.append(value.call)
    arguments = {node: module_arguments(plan, node) or {} for node in plan.repeated_loads}
    nodes = [node for node, given in arguments.items() if given and "tags" not in given]  # A set is not hashable.
    line = find_last_import(plan, "tensorflow_hub", "rehub")
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
    insert_after(plan, line, code if functools else f"import functools\n\n{code}", blank=1 if functools else 0)


def call_builder(name: str, handle: cst.BaseExpression) -> Builder:
    """Return a builder of a call of the cached function."""
    return lambda renderer: cst.parse_expression(f"{name}({renderer.code(handle)})")
