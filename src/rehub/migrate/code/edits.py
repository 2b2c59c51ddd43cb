"""Edits of a syntax tree: what takes the place of which node, applied in one pass that keeps everything else."""

from __future__ import annotations

from typing import Any, Callable, Sequence, Union

import libcst as cst

Replacement = Union[cst.CSTNode, "cst.RemovalSentinel", "cst.FlattenSentinel[cst.CSTNode]"]
Builder = Callable[["Renderer"], Replacement]


class Edits:
    """What takes the place of which node. A builder renders those children of the old node that it keeps."""

    def __init__(self) -> None:
        self.builders: dict[cst.CSTNode, Builder] = {}

    def replace(self, node: cst.CSTNode, builder: Builder) -> None:
        """Put what a builder returns in the place of a node."""
        self.builders[node] = builder

    def replace_by_code(self, node: cst.CSTNode, code: str) -> None:
        """Put an expression in the place of a node."""
        self.builders[node] = lambda _: cst.parse_expression(code)

    def remove(self, node: cst.CSTNode) -> None:
        """Remove a small statement, an argument, a parameter or an item of `with`."""
        self.builders[node] = lambda _: cst.RemoveFromParent()


class Renderer(cst.CSTTransformer):
    """Applies edits to a part of a tree, with more edits for this part alone."""

    def __init__(self, edits: Edits, more: dict[cst.CSTNode, Builder] | None = None) -> None:
        super().__init__()
        self.edits = edits
        self.more = more or {}
        self.kept: list[cst.CSTNode] = []
        self.inside: set[cst.CSTNode] = set()
        self.built: set[cst.CSTNode] = set()

    def builder_of(self, node: cst.CSTNode) -> Builder | None:
        """Return what builds the replacement of a node, if it has one."""
        return None if node in self.inside else self.more.get(node) or self.edits.builders.get(node)

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Go into what is kept."""
        if self.builder_of(node) is not None:
            return False
        self.kept.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Replacement:  # type: ignore[override]
        """Put replacements in."""
        builder = self.builder_of(original_node)
        if builder is not None:
            self.built.add(original_node)
            return builder(self)
        if isinstance(updated_node, (cst.IndentedBlock, cst.Module)):
            return close_gaps(updated_node)
        if isinstance(updated_node, cst.SimpleStatementLine) and not updated_node.body:
            return gap(updated_node.leading_lines)
        if isinstance(updated_node, cst.Parameters) and len(updated_node.params) < len(original_node.params):  # type: ignore[attr-defined]
            return updated_node.with_changes(params=end_list(updated_node.params))
        if isinstance(updated_node, cst.Call) and len(updated_node.args) < len(original_node.args):  # type: ignore[attr-defined]
            return updated_node.with_changes(args=end_list(updated_node.args))
        if isinstance(updated_node, cst.Global) and not updated_node.names:
            return cst.RemoveFromParent()
        return updated_node

    def render(self, node: cst.CSTNode, more: dict[cst.CSTNode, Builder] | None = None) -> cst.CSTNode:
        """Return a part of the tree with the edits in it."""
        renderer = Renderer(self.edits, {**self.more, **more}) if more else self
        result = node.visit(renderer)
        if renderer is not self:
            self.kept += renderer.kept
            self.built |= renderer.built
        assert isinstance(result, cst.CSTNode)
        return result

    def render_inside(self, node: cst.CSTNode) -> Replacement:
        """Return a node with the edits in it, but not its own."""
        self.inside.add(node)
        result = node.visit(self)
        self.inside.discard(node)
        return result

    def code(self, node: cst.CSTNode, more: dict[cst.CSTNode, Builder] | None = None) -> str:
        """Return the text of a part of the tree with the edits in it."""
        return cst.Module([]).code_for_node(self.render(node, more))


def end_list(nodes: Sequence[Any]) -> list[Any]:
    """Return parameters or arguments of which the last, which is another one now, has no comma."""
    return [*nodes[:-1], *(node.with_changes(comma=cst.MaybeSentinel.DEFAULT) for node in nodes[-1:])]


_GAP = cst.Pass()  # libcst drops a line without statements, and its comments with it.


def gap(lines: Sequence[cst.EmptyLine] = ()) -> cst.SimpleStatementLine:
    """Return a mark in place of a removed statement; its comments go to the next one."""
    return cst.SimpleStatementLine(body=[_GAP], leading_lines=lines)


def is_gap(statement: object) -> bool:
    """Tell whether a statement is the mark of a removed one."""
    return isinstance(statement, cst.SimpleStatementLine) and list(statement.body) == [_GAP]


def blank_lines(count: int) -> list[cst.EmptyLine]:
    """Return blank lines."""
    return [cst.EmptyLine(indent=False)] * count


def check_comment(text: str) -> cst.EmptyLine:
    """Return the comment that asks a person to check a rewrite."""
    return cst.EmptyLine(comment=cst.Comment(f"# rehub: check {text}"))


def close_gaps(block: cst.IndentedBlock | cst.Module) -> cst.IndentedBlock | cst.Module:
    """Take the marks of removed statements out, and give their comments to the statements that follow."""
    body: list[cst.CSTNode] = []
    pending: list[cst.EmptyLine] = []
    statement: Any
    for statement in block.body:
        if is_gap(statement):
            pending = join_lines(pending, statement.leading_lines)
        else:
            if pending:
                lines = join_lines(pending, statement.leading_lines)
                statement = statement.with_changes(leading_lines=lines)
                pending = []
            body.append(statement)
    if len(body) == len(block.body) and not pending:
        return block
    if pending:
        comments = [line for line in pending if line.comment is not None]
        block = block.with_changes(footer=[*(pending if comments else []), *block.footer])
    if isinstance(block, cst.IndentedBlock) and body and body[0] is not block.body[0]:
        lines = list(body[0].leading_lines)  # type: ignore[attr-defined]
        body[0] = body[0].with_changes(leading_lines=lines[count_blank(lines) :])
    if not body and isinstance(block, cst.IndentedBlock):
        body = [EMPTY_BODY]
    return block.with_changes(body=body)


def join_lines(first: Sequence[cst.EmptyLine], second: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Join two runs of blank lines and comments; where both have blank lines, the longer run of them stays."""
    head, tail = list(first), list(second)
    before = count_blank(reversed(head))
    after = count_blank(tail)
    if before and after:
        if before >= after:
            tail = tail[after:]
        else:
            head = head[: len(head) - before]
    return head + tail


def count_blank(lines: object) -> int:
    """Return how many blank lines come first."""
    count = 0
    for line in lines:  # type: ignore[attr-defined]
        if line.comment is not None:
            break
        count += 1
    return count


EMPTY_BODY = cst.SimpleStatementLine(body=[cst.Pass()])


def statements_of(node: cst.BaseSuite, renderer: Renderer) -> list[cst.CSTNode]:
    """Return the statements of a rendered block, to go where the block was."""
    if not isinstance(node, cst.IndentedBlock):
        suite = renderer.render(node)
        assert isinstance(suite, cst.SimpleStatementSuite)
        return [cst.SimpleStatementLine(body=suite.body)] if suite.body else []
    comment = node.header.comment
    found: list[cst.CSTNode] = [gap([cst.EmptyLine(comment=comment)])] if comment is not None else []
    for statement in node.body:
        result = statement.visit(renderer)
        if isinstance(result, cst.FlattenSentinel):
            found += list(result)
        elif isinstance(result, cst.CSTNode):
            found.append(result)
    return [*found, gap(node.footer)]


def parenthesize(code: str, node: cst.CSTNode) -> str:
    """Return the text of an expression so that a `.` can follow."""
    simple = isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.SimpleString))
    return code if simple or has_parentheses(node) else f"({code})"


def has_parentheses(node: cst.CSTNode) -> bool:
    """Tell whether an expression is written in parentheses."""
    return bool(getattr(node, "lpar", None))


def parse_statements(code: str, config: cst.PartialParserConfig) -> list[cst.CSTNode]:
    """Return the statements of a text."""
    return list(cst.parse_module(code, config).body)
