"""RH105: `get_next` of a one-shot iterator becomes `next`, once before each run that used it."""

from __future__ import annotations

import libcst as cst

from rehub.migrate.code.deferred import Deferral
from rehub.migrate.code.edits import Builder, Renderer, Replacement, gap, parse_statements
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.store import Fetch
from rehub.migrate.code.trees import code_of
from rehub.migrate.code.values import Api, DataIterator, IteratorInitializer, Source, iter_parts

_CHECK = "each run drew the next batch here, as `next` does"


class Iterators:
    """Plans what takes the place of iterators over datasets."""

    def __init__(self, plan: Plan, deferral: Deferral) -> None:
        self.plan = plan
        self.deferral = deferral
        self.names: dict[cst.CSTNode, str] = {}

    def iterator_name(self, draw: cst.CSTNode) -> str:
        """Return the variable that holds the iterator of a `get_next`."""
        call = self.plan.record.iterators[draw]  # type: ignore[index]
        if call not in self.names:
            parent = self.plan.parents.get(call)
            if isinstance(parent, cst.Assign) and isinstance(parent.targets[0].target, (cst.Name, cst.Attribute)):
                self.names[call] = code_of(parent.targets[0].target)
            else:
                self.names[call] = self.plan.unused_name("iterator")
        return self.names[call]

    def draw_before(self, fetch: Fetch, sources: set[Source]) -> None:
        """Plan `batch = next(iterator)` before a run that needs the next batch."""
        draws = {source.node: source for source in sources if source.kind == "iterator"}
        if not draws:
            return
        scopes = [self.plan.scope_of(draw) for draw in draws]
        if any(scope is not None and scope not in self.plan.ancestors(fetch.node) for scope in scopes) and not all(
            self.iterator_name(draw).startswith("self.") for draw in draws
        ):
            self.plan.block(fetch.node, "RH105", "a dataset whose iterator is made in another function")
            return
        line = self.plan.statement_of(fetch.node)
        if not isinstance(line, cst.SimpleStatementLine) or line in self.plan.edits.builders:
            self.plan.block(fetch.node, "RH105", "the next batch of a dataset is drawn in the middle of a statement")
            return
        code = ""
        for draw, source in draws.items():
            is_unpacked = any(other.part for other in sources if other.node is draw)
            name = ", ".join(self.all_parts(draw)) if is_unpacked else self.deferral.parameter_name(source)
            code += f"{name} = next({self.iterator_name(draw)})\n"

        def build(renderer: Renderer) -> Replacement:
            new = parse_statements(code, self.plan.module.config_for_parsing)
            result = renderer.render_inside(line)
            assert isinstance(result, cst.SimpleStatementLine)
            return cst.FlattenSentinel([gap(line.leading_lines), *new, result.with_changes(leading_lines=[])])

        self.plan.edits.replace(line, build)
        self.plan.change(fetch.node, "RH105", "b", _CHECK)

    def all_parts(self, draw: cst.CSTNode) -> list[str]:
        """Return the names that a batch is unpacked into."""
        parent = self.plan.parents.get(draw)
        assert isinstance(parent, cst.Assign)
        target = parent.targets[0].target
        assert isinstance(target, cst.Tuple)
        return [code_of(element.value) for element in target.elements]

    def rewrite(self) -> None:
        """Plan the iterators of Python, and what ends a loop over them."""
        if not self.plan.record.iterators:
            return
        runs = self.find_initializations()
        for draw, call in self.plan.record.iterators.items():
            if code_of(call.func).endswith("make_initializable_iterator"):
                self.rewrite_initializable(call, runs.get(call, []))
            else:
                self.rewrite_iterator(draw, call)
        for node in self.plan.position:
            if isinstance(node, cst.ExceptHandler) and node.type is not None and self.is_end(node.type):
                self.plan.edits.replace_by_code(node.type, "StopIteration")

    def find_initializations(self) -> dict[cst.Call, list[cst.Call]]:
        """Return the runs that start each iterator."""
        found: dict[cst.Call, list[cst.Call]] = {}
        for fetch in self.plan.record.fetches.values():
            for part in iter_parts(fetch.value):
                if isinstance(part, IteratorInitializer):
                    found.setdefault(part.call, []).append(fetch.node)
                    if fetch.feed is not None:
                        self.plan.block(fetch.node, "RH105", "an iterator over a dataset of placeholders")
        return found

    def rewrite_initializable(self, call: cst.Call, runs: list[cst.Call]) -> None:
        """Plan `iter(dataset)` where the initializer of an iterator is run."""
        plan = self.plan
        statement = plan.parents.get(call)
        line = plan.parents.get(statement) if statement is not None else None
        if not isinstance(statement, cst.Assign) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            plan.block(call, "RH105", "an iterator without a name")
            return
        dataset = call.args[0].value if call.args else call.func.value  # type: ignore[attr-defined]
        target = statement.targets[0].target
        name, is_attribute = code_of(target), isinstance(target, cst.Attribute)
        data = (
            code_of(dataset) if isinstance(dataset, cst.Name) else plan.unused_name(f"{name.rpartition('.')[2]}_data")
        )
        if is_attribute and not isinstance(dataset, cst.Name):
            data = f"{name}_data"
        for run in runs:
            parent = plan.parents[run]
            in_scope = plan.scope_of(run) is plan.scope_of(call) or (is_attribute and data.startswith("self."))
            if not isinstance(parent, cst.Expr) or not in_scope or name in plan.global_names:
                plan.block(run, "RH105", "an iterator is started in another function than it is made in")
                continue
            plan.edits.replace(parent, assignment_builder(name, f"iter({data})"))
            plan.change(run, "RH105", "a", "the initializer's run becomes a new iterator")
        if isinstance(dataset, cst.Name):
            plan.edits.remove(statement)
            return

        def build(renderer: Renderer) -> Replacement:
            new = parse_statements(f"{data} = {renderer.code(dataset)}", plan.module.config_for_parsing)
            return cst.FlattenSentinel([gap(line.leading_lines), *new])

        plan.edits.replace(line, build)

    def is_end(self, node: cst.BaseExpression) -> bool:
        """Tell whether an exception is that of the end of a dataset."""
        value = self.plan.fact(node)
        return isinstance(value, Api) and value.path == "tensorflow.errors.OutOfRangeError"

    def rewrite_iterator(self, draw: cst.Call, call: cst.Call) -> None:
        """Plan `iter(dataset)` in the place of one iterator."""
        statement = self.plan.parents.get(call)
        if not (isinstance(statement, cst.Assign) and isinstance(self.plan.fact(call), DataIterator)):
            statement = self.plan.parents.get(draw)
        line = self.plan.parents.get(statement) if statement is not None else None
        if (
            not isinstance(statement, cst.Assign)
            or not isinstance(line, cst.SimpleStatementLine)
            or len(line.body) != 1
        ):
            self.plan.block(draw, "RH105", "an iterator without a name")
            return
        dataset = call.args[0].value if call.args else call.func.value  # type: ignore[attr-defined]
        name = self.iterator_name(draw)

        def build(renderer: Renderer) -> Replacement:
            new = parse_statements(f"{name} = iter({renderer.code(dataset)})", self.plan.module.config_for_parsing)
            return cst.FlattenSentinel([gap(line.leading_lines), *new])

        self.plan.edits.replace(line, build)


def assignment_builder(name: str, value: str) -> Builder:
    """Return a builder of an assignment in the place of an expression that is a statement."""
    line = cst.parse_statement(f"{name} = {value}")
    assert isinstance(line, cst.SimpleStatementLine)
    return lambda _: line.body[0]
