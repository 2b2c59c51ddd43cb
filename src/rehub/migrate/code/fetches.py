"""RH102, RH103: `session.run(x, {p: v})` becomes `x.numpy()`, or `x(v).numpy()` where `x` is a function now."""

from __future__ import annotations

from collections import Counter
from typing import Sequence

import libcst as cst

from rehub.migrate.code.deferred import Deferral, constant_builder
from rehub.migrate.code.edits import Builder, Renderer, Replacement, parenthesize
from rehub.migrate.code.feeds import Feeds
from rehub.migrate.code.function_values import FunctionValues
from rehub.migrate.code.groups import Groups
from rehub.migrate.code.iterators import Iterators
from rehub.migrate.code.plan import Plan, is_leaf, is_parametric, vanishes
from rehub.migrate.code.slices import FunctionPlan
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.training import Training, is_step
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import (
    Entries,
    Items,
    Source,
    Tensor,
    is_of_gradients,
    iter_parts,
    sources_of,
    tensorflow_path,
)


class Fetches:
    """Plans what takes the place of each run of a session."""

    def __init__(self, plan: Plan, deferral: Deferral, training: Training) -> None:
        self.plan = plan
        self.deferral = deferral
        self.training = training
        self.feeds = Feeds(plan, deferral)
        self.iterators = Iterators(plan, deferral)
        self.groups = Groups(plan, deferral)
        self.function_values = FunctionValues(plan, deferral)

    def rewrite(self) -> None:
        """Plan all of them."""
        for fetch in self.plan.record.fetches.values():
            if is_step(fetch.value):
                self.rewrite_step(fetch)
            elif not vanishes(fetch.value) or sources_of(fetch.value):
                self.rewrite_fetch(fetch)
        self.function_values.find_function_values()
        self.iterators.rewrite()

    def rewrite_fetch(self, fetch: Fetch) -> None:
        """Plan what takes the place of one run."""
        if any(isinstance(part, Tensor) and part.is_static for part in iter_parts(fetch.value)):
            self.plan.block(fetch.node, "RH102", "a shape is run")
            return
        if is_of_gradients(fetch.value):
            self.plan.block(fetch.node, "RH301", "gradients are run without the step that applies them")
            return
        needed: set[Source] = set()
        group = self.groups.find_group(fetch)
        uses: Counter[Source] = Counter()
        randoms: Counter[Source] = Counter()
        for leaf in self.deferral.leaves(fetch.fetched):
            value = self.plan.fact(leaf)
            assert isinstance(value, Tensor)
            needed |= value.sources
            randoms.update(source for source in value.sources if source.kind == "random")
            uses.update([value.placeholder] if value.placeholder else self.deferral.parameters_of(value.sources))
            if group is None and not is_parametric(value) and not value.is_input and not value.is_variable:
                self.deferral.need(leaf)
        if group is None and any(count > 1 for count in randoms.values()):
            self.plan.block(fetch.node, "RH106", "tensors of one random op are run together, and each would draw again")
        self.feeds.keep_values(
            fetch, uses if group is None else Counter(self.deferral.parameters_of(frozenset(needed)))
        )
        feeds = self.feeds.resolve(fetch, needed)
        if feeds is None:
            return
        is_unpacked = self.is_unpacked(fetch)
        self.iterators.draw_before(fetch, needed)
        self.drop_unused(fetch)

        def build(renderer: Renderer) -> Replacement:
            if group is not None:
                return parse_expression(self.group_code(fetch, group, feeds, renderer, bare=is_unpacked))
            unused = self.unused(fetch)
            return parse_expression(self.fetch_code(fetch.fetched, feeds, renderer, bare=is_unpacked, unused=unused))

        self.plan.edits.replace(fetch.node, build)
        self.plan.change(
            fetch.node, "RH103" if needed else "RH102", "a", "the session's run becomes a value in eager mode"
        )

    def group_code(
        self,
        fetch: Fetch,
        group: FunctionPlan,
        feeds: dict[Source, Builder | str],
        renderer: Renderer,
        *,
        bare: bool,
    ) -> str:
        """Return the code of a run of several tensors by one function."""
        arguments = ", ".join(self.feeds.argument(source, feeds, renderer) for source in group.parameters)
        values = f"value.numpy() for value in {group.attribute or group.name}({arguments})"
        if bare:
            return f"({values})"
        return f"[{values}]" if isinstance(fetch.fetched, cst.List) else f"tuple({values})"

    def unused(self, fetch: Fetch) -> list[bool]:
        """Return for each fetched element whether it gives nothing, and goes to `_`."""
        parent = self.plan.parents.get(fetch.node)
        if not self.is_unpacked(fetch) or not isinstance(parent, cst.Assign) or len(parent.targets) > 1:
            return []
        targets = parent.targets[0].target
        assert isinstance(targets, (cst.Tuple, cst.List))
        assert isinstance(fetch.fetched, (cst.List, cst.Tuple))
        elements = fetch.fetched.elements
        if len(targets.elements) != len(elements):
            return []
        flags = []
        for target, element in zip(targets.elements, elements):
            value = self.plan.fact(element.value)
            is_nothing = value is not None and vanishes(value) and not is_leaf(value)
            flags.append(is_nothing and code_of(target.value) == "_")
        return flags if any(flags) and not all(flags) else []

    def drop_unused(self, fetch: Fetch) -> None:
        """Plan the removal of `_` from the targets of a run, with what gives nothing."""
        flags = self.unused(fetch)
        parent = self.plan.parents.get(fetch.node)
        if not flags or not isinstance(parent, cst.Assign):
            return
        target = parent.targets[0].target
        assert isinstance(target, (cst.Tuple, cst.List))
        kept = [code_of(element.value) for element, flag in zip(target.elements, flags) if not flag]
        self.plan.edits.replace(target, lambda _: cst.parse_expression(", ".join(kept)))

    def rewrite_step(self, fetch: Fetch) -> None:
        """Plan what takes the place of a run of a training op."""
        step = self.training.step_of(fetch)
        if step is None or not self.training.add_results(fetch):
            self.plan.block(fetch.node, "RH301", "this run trains, and it is not known what")
            return
        pending = self.plan.edits

        def build(renderer: Renderer) -> Replacement:
            feeds = self.feeds.resolve(fetch, set(step.sources)) or {}
            sources = self.deferral.parameters_of(step.sources)
            arguments = ", ".join(self.feeds.argument(source, feeds, renderer) for source in sources if source in feeds)
            is_dropped = bool(self.unused(fetch))
            code = self.training.fetch_code(fetch, arguments, bare=self.is_unpacked(fetch), is_dropped=is_dropped)
            return parse_expression(code)

        self.drop_unused(fetch)
        pending.replace(fetch.node, build)
        self.plan.change(fetch.node, "RH301", "a", "the run of the training op becomes a call")

    def resolve_step_feeds(self) -> None:
        """Resolve what is fed to training ops, once all that is run with them is known."""
        for fetch in self.plan.record.fetches.values():
            step = self.training.step_of(fetch)
            if step is not None:
                self.feeds.keep_values(fetch, Counter(self.deferral.parameters_of(step.sources)))
                self.feeds.resolve(fetch, set(step.sources))
                self.iterators.draw_before(fetch, set(step.sources))

    def is_unpacked(self, fetch: Fetch) -> bool:
        """Tell whether the results go to as many targets, so that a tuple without brackets will do."""
        parent = self.plan.parents.get(fetch.node)
        return (
            isinstance(fetch.fetched, (cst.List, cst.Tuple))
            and isinstance(parent, cst.Assign)
            and isinstance(parent.targets[0].target, (cst.Tuple, cst.List))
            and len(fetch.fetched.elements) > 1
        )

    # Code.

    def fetch_code(
        self,
        node: cst.BaseExpression,
        feeds: dict[Source, Builder | str],
        renderer: Renderer,
        *,
        bare: bool = False,
        unused: Sequence[bool] = (),
    ) -> str:
        """Return the code of what a run gave."""
        value = self.plan.fact(node)
        if value is not None and vanishes(value) and not is_leaf(value) and not isinstance(value, (Items, Entries)):
            return "None"
        if isinstance(node, (cst.List, cst.Tuple)):
            dropped = unused or [False] * len(node.elements)
            items = [
                self.fetch_code(element.value, feeds, renderer)
                for element, is_dropped in zip(node.elements, dropped)
                if not is_dropped
            ]
            code = ", ".join(items)
            if bare:
                return code
            if isinstance(node, cst.List):
                return f"[{code}]"
            return f"({code},)" if len(items) == 1 else f"({code})"
        if isinstance(node, cst.Dict):
            pairs = [
                f"{renderer.code(element.key)}: {self.fetch_code(element.value, feeds, renderer)}"
                for element in node.elements
                if isinstance(element, cst.DictElement)
            ]
            return "{" + ", ".join(pairs) + "}"
        if isinstance(value, Tensor) and value.placeholder is not None and self.is_text(value.placeholder):
            return self.text_code(node, value.placeholder, feeds, renderer)
        code = renderer.code(node, self.substitutions(node, feeds, renderer))
        return self.structure_code(node, code)

    def is_text(self, source: Source) -> bool:
        """Tell whether a placeholder takes strings."""
        _, dtype = self.deferral.shape_and_dtype(source)
        return tensorflow_path(self.plan.fact(dtype)) in {"string", "dtypes.string"}

    def text_code(
        self, node: cst.BaseExpression, source: Source, feeds: dict[Source, Builder | str], renderer: Renderer
    ) -> str:
        """Return the code of what a run gave for a placeholder of strings: what it was fed, not decoded to bytes."""
        numpy = self.plan.package_name("numpy")
        if not numpy:
            self.plan.block(node, "RH103", "a placeholder of strings is run: import `numpy as np` for its array")
        return f"{numpy}.asarray({self.feeds.fed_code(source, feeds, renderer)}, dtype=object)"

    def structure_code(self, node: cst.BaseExpression, code: str) -> str:
        """Return the code that makes NumPy arrays of a tensor or a structure of tensors."""
        value = self.plan.fact(node)
        is_call = is_leaf(value) and not (isinstance(value, Tensor) and value.is_variable)
        dotted = code if is_call else parenthesize(code, node)
        form = value.form if isinstance(value, Tensor) else ""
        if isinstance(value, Items):
            form = "items of a tuple" if value.is_tuple else "list"
        elif isinstance(value, Entries):
            form = "dict"
        if form == "dict":
            return f"{{key: value.numpy() for key, value in {dotted}.items()}}"
        if form == "list":
            return f"[value.numpy() for value in {code}]"
        if form == "items of a tuple":
            return f"tuple(value.numpy() for value in {code})"
        if form == "tuple":
            return f"{self.deferral.tf}.nest.map_structure(lambda value: value.numpy(), {code})"
        return f"{dotted}.numpy()"

    def substitutions(
        self, node: cst.BaseExpression, feeds: dict[Source, Builder | str], renderer: Renderer
    ) -> dict[cst.CSTNode, Builder]:
        """Return what takes the place of the deferred tensors of an expression: calls with what is fed."""
        found: dict[cst.CSTNode, Builder] = {}
        for leaf in self.deferral.leaves(node):
            value = self.plan.fact(leaf)
            assert isinstance(value, Tensor)
            if value.is_variable:
                continue
            if value.placeholder is not None:
                if value.is_described:
                    self.plan.block(leaf, "RH108", "a placeholder of a module's input is run")
                    continue
                found[leaf] = constant_builder(self.feeds.argument(value.placeholder, feeds, renderer))
                continue
            arguments = [
                self.feeds.argument(source, feeds, renderer) for source in self.deferral.parameters_of(value.sources)
            ]
            found[leaf] = constant_builder(f"{code_of(leaf)}({', '.join(arguments)})")
        return found


def parse_expression(code: str) -> cst.BaseExpression:
    """Return an expression; one that goes over lines gets the parentheses that it had."""
    try:
        return cst.parse_expression(code)
    except cst.ParserSyntaxError:
        return cst.parse_expression(f"({code})")
