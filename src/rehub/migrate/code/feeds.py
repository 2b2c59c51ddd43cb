"""RH103: what a run of a session feeds becomes the arguments of functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Iterator

import libcst as cst

from rehub.migrate.code.deferred import Deferral
from rehub.migrate.code.edits import Builder, Renderer, Replacement, gap, parse_statements
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.slices import PURE_BUILTINS
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.trees import code_of, iter_nodes
from rehub.migrate.code.values import Entries, Plain, Source, Tensor, tensorflow_path

_PURE_METHODS = frozenset(
    """
    astype copy decode encode flatten format get items join keys lower ravel replace reshape split squeeze strip tolist
    transpose upper values
    """.split()
)
_DTYPES = {bool: "bool", float: "float32", int: "int32", str: "string"}
_COMPUTED_ONCE = "what is fed is computed by a call, and used several times or in another order: put it in a variable"


class Feeds:
    """Finds what each placeholder is fed."""

    def __init__(self, plan: Plan, deferral: Deferral) -> None:
        self.plan = plan
        self.deferral = deferral
        self.variables: dict[cst.DictElement, str] = {}  # that hold what is fed, computed before

    def resolve(self, fetch: Fetch, needed: set[Source]) -> dict[Source, Builder | str] | None:
        """Return the code of what each placeholder is fed; None if that is not known."""
        sources = self.deferral.parameters_of(frozenset(needed))
        drawn: dict[Source, Builder | str] = {
            source: self.deferral.parameter_name(source) for source in sources if source.kind == "iterator"
        }
        sources = [source for source in sources if source not in drawn]
        if not sources and fetch.feed is None:
            return drawn
        if fetch.feed is None and all(self.default_of(source) is not None for source in sources):
            return {**drawn, **{source: self.default_builder(source) for source in sources}}
        entries = fetch.feed_value
        if not isinstance(entries, Entries) or not isinstance(entries.node, cst.Dict):
            self.plan.block(fetch.node, "RH103", "it is not known what is fed here")
            return None
        found: dict[Source, Builder | str] = {}
        is_inline = entries.node is fetch.feed
        for (key, _), element in zip(entries.entries, entries.node.elements):
            if not isinstance(element, cst.DictElement) or not isinstance(key, Tensor) or key.placeholder is None:
                self.plan.block(element, "RH103", "something else than a placeholder is fed")
                return None
            if key.is_described:
                self.feed_entry(fetch, found, element, key.placeholder)
                continue
            found[key.placeholder] = self.feed_code(fetch, element, key.placeholder, is_inline=is_inline)
        for source in sources:
            if source not in found and self.default_of(source) is not None:
                found[source] = self.default_builder(source)
        missing = [source for source in sources if source not in found]
        if missing:
            names = ", ".join(self.deferral.parameter_name(source) for source in missing)
            self.plan.block(fetch.node, "RH103", f"nothing is fed for {names}")
            return None
        return {**drawn, **{source: found[source] for source in sources}}

    def default_of(self, source: Source) -> cst.BaseExpression | None:
        """Return what a placeholder is where it is not fed, if that can be written again elsewhere."""
        node = source.node
        if not isinstance(node, cst.Call) or not code_of(node.func).endswith("placeholder_with_default"):
            return None
        defaults = [a.value for a in node.args[:1] if a.keyword is None or a.keyword.value == "input"]
        is_constant = isinstance(self.plan.fact(defaults[0]) if defaults else None, Plain) and not names_of(defaults[0])
        return defaults[0] if is_constant else None

    def default_builder(self, source: Source) -> Builder:
        """Return a builder of what a placeholder is where it is not fed."""
        default = self.default_of(source)
        assert default is not None
        return lambda renderer: renderer.render(default)

    def feed_entry(
        self, fetch: Fetch, found: dict[Source, Builder | str], element: cst.DictElement, source: Source
    ) -> None:
        """Add what is fed to one placeholder of a dict of them to the dict of inputs that takes their place."""
        whole = replace(source, part="")
        if source.part in {"", "*"}:
            self.plan.block(element, "RH108", "it is not known which input of a module is fed here")
            return
        if fetch.feed is not self.feed_node(fetch):
            if any(other != whole for other in found):
                self.plan.block(element, "RH108", "the dict of what is fed to a module's inputs has other keys, too")
            assert fetch.feed is not None
            self.plan.edits.replace_by_code(element.key, f'"{source.part}"')
            found[whole] = code_of(fetch.feed)
            return
        before = found.get(whole)

        def build(renderer: Renderer) -> Replacement:
            value = self.variables.get(element) or renderer.code(element.value)
            first = code_of(before(renderer))[1:-1] + ", " if callable(before) else ""  # type: ignore[arg-type]
            return cst.parse_expression(f'{{{first}"{source.part}": {value}}}')

        found[whole] = build

    def feed_node(self, fetch: Fetch) -> cst.CSTNode | None:
        """Return the dict display of what a run is fed, which may be written elsewhere."""
        return fetch.feed_value.node if isinstance(fetch.feed_value, Entries) else None

    def feed_code(self, fetch: Fetch, element: cst.DictElement, source: Source, *, is_inline: bool) -> Builder | str:
        """Return the code of what one placeholder is fed."""
        if element in self.variables:
            return self.variables[element]
        if is_inline:
            return lambda renderer: renderer.render(element.value)
        name = self.deferral.parameter_name(source)
        self.plan.edits.replace_by_code(element.key, f'"{name}"')
        assert fetch.feed is not None
        return f'{code_of(fetch.feed)}["{name}"]'

    def fed_code(self, source: Source, feeds: dict[Source, Builder | str], renderer: Renderer) -> str:
        """Return the code of what a placeholder is fed."""
        feed = feeds[source]
        return feed if isinstance(feed, str) else code_of(feed(renderer))  # type: ignore[arg-type]

    def keep_values(self, fetch: Fetch, uses: Counter[Source]) -> None:
        """Plan variables for what is fed, where a call that computes it would be done again, or in another order."""
        computed = [
            (element, source) for element, source in self.fed_elements(fetch) if self.is_computed(element.value)
        ]
        is_ordered = len({source for _, source in computed}) < 2
        if all(uses[source] == 1 for _, source in computed) and is_ordered:
            return
        line = self.plan.statement_of(fetch.node)
        if not isinstance(line, cst.SimpleStatementLine) or not self.comes_first(fetch, line):
            self.plan.block(fetch.node, "RH103", _COMPUTED_ONCE)
            return
        for element, source in computed:
            self.variables[element] = self.plan.unused_name(f"{self.deferral.parameter_name(source)}_value")

        def build(renderer: Renderer) -> Replacement:
            code = "".join(f"{self.variables[each]} = {renderer.code(each.value)}\n" for each, _ in computed)
            new = parse_statements(code, self.plan.module.config_for_parsing)
            result = renderer.render_inside(line)
            assert isinstance(result, cst.SimpleStatementLine)
            return cst.FlattenSentinel([gap(line.leading_lines), *new, result.with_changes(leading_lines=[])])

        self.plan.edits.replace(line, build)

    def fed_elements(self, fetch: Fetch) -> Iterator[tuple[cst.DictElement, Source]]:
        """Yield the entries of a dict that is written in a run, each with the argument that it goes to."""
        if isinstance(fetch.feed_value, Entries) and isinstance(fetch.feed, cst.Dict):
            for (key, _), element in zip(fetch.feed_value.entries, fetch.feed.elements):
                if isinstance(element, cst.DictElement) and isinstance(key, Tensor) and key.placeholder is not None:
                    is_part = key.is_described
                    yield element, replace(key.placeholder, part="") if is_part else key.placeholder

    def is_computed(self, node: cst.CSTNode) -> bool:
        """Tell whether an expression has a call that may give something else, or do something, at each time."""
        return any(isinstance(part, cst.Call) and not self.is_pure(part) for part in iter_nodes(node))

    def is_pure(self, node: cst.Call) -> bool:
        """Tell whether a call gives the same each time, and does nothing else."""
        code = code_of(node.func)
        numpy = self.plan.package_name("numpy")
        if isinstance(node.func, cst.Name):
            return code in PURE_BUILTINS
        is_numpy = bool(numpy) and code.startswith(f"{numpy}.") and not code.startswith(f"{numpy}.random.")
        return is_numpy or (isinstance(node.func, cst.Attribute) and node.func.attr.value in _PURE_METHODS)

    def comes_first(self, fetch: Fetch, line: cst.SimpleStatementLine) -> bool:
        """Tell whether what a run feeds can be computed before its statement."""
        around = []
        for ancestor in self.plan.ancestors(fetch.node):
            if ancestor is line:
                break
            around.append(ancestor)
        others = (cst.Lambda, cst.CompFor, cst.BaseComp, cst.IfExp, cst.BooleanOperation)
        inside = {id(part) for part in iter_nodes(fetch.node)}
        calls = [part for part in iter_nodes(line) if isinstance(part, cst.Call) and id(part) not in inside]
        return (
            len(line.body) == 1
            and line not in self.plan.edits.builders
            and not any(isinstance(part, others) for part in around)
            and all(call in around or self.is_pure(call) for call in calls)
        )

    def argument(self, source: Source, feeds: dict[Source, Builder | str], renderer: Renderer) -> str:
        """Return an argument of a function: what is fed, as a tensor of the placeholder's type."""
        value = self.fed_code(source, feeds, renderer)
        _, dtype = self.deferral.shape_and_dtype(source)
        if source.kind == "sparse" and source.part != "values":
            return f"{self.deferral.tf}.constant({value}, {self.deferral.tf}.int64)"
        default = self.default_of(source)
        kind = type(getattr(self.plan.fact(default), "constant", None))
        if kind in _DTYPES:
            return f"{self.deferral.tf}.constant({value}, {self.deferral.tf}.{_DTYPES[kind]})"
        if dtype is None or not tensorflow_path(self.plan.fact(dtype)):
            return value
        return f"{self.deferral.tf}.constant({value}, {renderer.code(dtype)})"


def names_of(node: cst.CSTNode) -> set[str]:
    """Return the variables in an expression."""
    names = {part.value for part in iter_nodes(node) if isinstance(part, cst.Name)}
    return names - {"None", "True", "False"}
