"""A model as a picture that fits a page: its signatures and functions, its variables and assets by size.

drawsvg draws it (`rehub[graph]`): it is pure Python without dependencies, writes the same bytes for the same model, and
escapes text. Graphviz needs a program beside Python.
"""

from __future__ import annotations

import re
from html import escape as escape_html
from typing import Any, Iterable, Sequence

from rehub.errors import PackageMissing
from rehub.escaping import escape
from rehub.formatting import format_count, format_size, format_tensor
from rehub.inspection import summary
from rehub.inspection.model_info import ModelInfo, VariableInfo

_WIDTH, _MARGIN, _LINE = 960, 24, 18
_MAX_CALLS, _MAX_TENSORS, _MIN_BARS, _MAX_BARS, _MAX_LABEL = 8, 5, 4, 16, 44
_SANS, _MONO = "Helvetica, Arial, sans-serif", "Menlo, Consolas, monospace"
_MONO_WIDTH = 6.7  # of a letter of size 11
_INK, _DIM, _PAPER, _BOX = "#1f2933", "#616e7c", "#ffffff", "#eef2f7"
_TRAINABLE, _FIXED, _ASSET = "#2f6fb3", "#9fb3c8", "#b58a2c"


def draw_model(info: ModelInfo) -> str:
    """Return an SVG picture of a model. It has no scripts, and all names in it are escaped.

    Raises:
        PackageMissing: drawsvg is not installed.
    """
    try:
        import drawsvg
    except ImportError as error:
        raise PackageMissing('Pictures of models need drawsvg: pip install "rehub[graph]"') from error
    page = _Page(drawsvg)
    _draw_header(page, info)
    _draw_calls(page, info)
    _draw_bars(page, "variables (blue: trainable)", _size_variables(info.variables))
    files = [(each.path, each.bytes or 0, "missing" if each.bytes is None else "", _ASSET) for each in info.assets]
    _draw_bars(page, "assets", _merge_smallest(files, _ASSET))
    return page.to_svg()


def draw_model_page(info: ModelInfo) -> str:
    """Return an HTML page with the picture and, below it, the text of `rehub show`.

    Raises:
        PackageMissing: drawsvg is not installed.
    """
    svg = draw_model(info)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape_html(escape(info.handle))}</title>\n"
        "<style>body { margin: 2em auto; max-width: 960px } svg { max-width: 100%; height: auto } "
        "pre { white-space: pre-wrap }</style>\n</head>\n<body>\n"
        f"{svg[svg.index('<svg') :]}\n<pre>{escape_html(str(info))}</pre>\n</body>\n</html>\n"
    )


class _Page:
    """A page that is filled from top to bottom."""

    def __init__(self, drawsvg: Any) -> None:
        self._drawsvg = drawsvg
        self._elements: list[Any] = []
        self.y = float(_MARGIN)

    def add_text(
        self,
        text: str,
        x: float,
        size: int = 11,
        *,
        color: str = _INK,
        font: str = _MONO,
        width: float = _WIDTH,
        **style: Any,
    ) -> None:
        """Write one line of text at the current height; cut it to a width, with the full text as its tooltip."""
        whole = escape(text, 1000)
        letters = max(4, int(width / (_MONO_WIDTH * size / 11)))
        shown = whole if len(whole) <= letters else f"{whole[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"
        element = self._drawsvg.Text(shown, size, x, self.y, fill=color, font_family=font, **style)
        if shown != whole:
            element.append_title(whole)
        self._elements.append(element)

    def add_box(self, x: float, y: float, width: float, height: float, color: str, tooltip: str = "") -> None:
        """Draw a filled rectangle."""
        element = self._drawsvg.Rectangle(round(x, 1), round(y, 1), round(width, 1), round(height, 1), fill=color, rx=3)
        if tooltip:
            element.append_title(escape(tooltip, 1000))
        self._elements.append(element)

    def to_svg(self) -> str:
        """Return the page, as high as its content."""
        height = int(self.y + _MARGIN)
        drawing = self._drawsvg.Drawing(_WIDTH, height)
        drawing.append(self._drawsvg.Rectangle(0, 0, _WIDTH, height, fill=_PAPER))
        for element in self._elements:
            drawing.append(element)
        return str(drawing.as_svg())


def _draw_header(page: _Page, info: ModelInfo) -> None:
    page.y += 10
    page.add_text(info.handle, _MARGIN, 18, font=_SANS, font_weight="bold", width=_WIDTH - 2 * _MARGIN)
    for name, text in summary.list_facts(info):
        page.y += _LINE
        page.add_text(name, _MARGIN, color=_DIM, font=_SANS)
        page.add_text(text, _MARGIN + 100, width=_WIDTH - 2 * _MARGIN - 100)
    for name, capability in summary.list_capabilities(info):
        page.y += _LINE
        page.add_text(name, _MARGIN, color=_DIM, font=_SANS)
        text = f"{'yes' if capability else 'no'}: {capability.reason}"
        page.add_text(text, _MARGIN + 100, width=_WIDTH - 2 * _MARGIN - 100)


def _draw_heading(page: _Page, text: str) -> None:
    page.y += 2 * _LINE
    page.add_text(text, _MARGIN, 14, font=_SANS, font_weight="bold")
    page.y += 8


def _draw_calls(page: _Page, info: ModelInfo) -> None:
    """Draw each signature and function as a box between its inputs and its outputs."""
    calls = [
        (
            signature.name,
            f"signature {note}".strip(),
            [summary.format_input(tensor) for tensor in signature.inputs],
            [summary.format_input(tensor) for tensor in signature.outputs],
        )
        for note, signature in summary.list_signatures(info)
    ]
    for function in summary.list_functions(info):
        for trace in function.traces:
            results = [summary.format_input(tensor) for tensor in trace.outputs]
            calls.append((summary.format_call(function), "function", summary.list_arguments(trace), results))
    if not calls:
        return
    _draw_heading(page, "signatures and functions")
    for name, kind, inputs, outputs in calls[:_MAX_CALLS]:
        _draw_call(page, name, kind, _cut_list(inputs), _cut_list(outputs))
    if len(calls) > _MAX_CALLS:
        page.y += _LINE
        page.add_text(f"and {len(calls) - _MAX_CALLS:,} more", _MARGIN, color=_DIM, font=_SANS)


def _cut_list(texts: Sequence[str]) -> list[str]:
    more = len(texts) - _MAX_TENSORS
    return [*texts[:_MAX_TENSORS], *([f"and {more:,} more"] if more > 0 else [])] or ["nothing"]


def _draw_call(page: _Page, name: str, kind: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    side, box_width = 320, _WIDTH - 2 * _MARGIN - 2 * 320
    top, rows = page.y + 4, max(len(inputs), len(outputs), 2)
    box_left = _MARGIN + side
    page.add_box(_MARGIN, top, side - 14, rows * _LINE + 6, _BOX)
    page.add_box(box_left, top, box_width, rows * _LINE + 6, _TRAINABLE, name)
    page.add_box(box_left + box_width + 14, top, side - 14, rows * _LINE + 6, _BOX)
    for column, texts in ((_MARGIN + 8, inputs), (box_left + box_width + 22, outputs)):
        page.y = top - 2
        for text in texts:
            page.y += _LINE
            page.add_text(text, column, width=side - 30)
    page.y = top - 2 + _LINE
    page.add_text(name, box_left + 8, 12, color=_PAPER, font_weight="bold", width=box_width - 16)
    page.y += _LINE
    page.add_text(kind, box_left + 8, color=_PAPER, font=_SANS, width=box_width - 16)
    page.y = top + 2
    for x in (box_left - 12, box_left + box_width + 2):
        page.y = top + 2 + _LINE
        page.add_text("\N{RIGHTWARDS ARROW}", x, 12, color=_DIM)
    page.y = top + rows * _LINE + 6


_Bar = "tuple[str, int, str, str]"  # name, size in bytes, note, color


def _size_variables(variables: Sequence[VariableInfo]) -> list[tuple[str, int, str, str]]:
    """Return a bar for each variable; for each group with a common prefix if there are too many variables."""
    named = [(each.path or each.name or each.key, each) for each in variables]
    depth = max((len(_split_name(name)) for name, _ in named), default=1)
    groups = _group_by_prefix(named, depth)
    while len(groups) > _MAX_BARS and depth > 1:
        depth -= 1
        coarser = _group_by_prefix(named, depth)
        if len(coarser) < _MIN_BARS:
            break  # The largest of the finer groups say more.
        groups = coarser
    bars = [
        (name, sum(each.bytes for each in group), _note_group(group), _color_group(group))
        for name, group in groups.items()
    ]
    return _merge_smallest(bars, _FIXED)


def _group_by_prefix(named: Iterable[tuple[str, VariableInfo]], depth: int) -> dict[str, list[VariableInfo]]:
    groups: dict[str, list[VariableInfo]] = {}
    for name, variable in named:
        groups.setdefault("".join(_split_name(name)[:depth]), []).append(variable)
    return groups


def _split_name(name: str) -> list[str]:
    """Return the parts of a path, each with the separator before it: `a/b.c` is `a`, `/b`, `.c`."""
    return re.findall(r"[/.\[]?[^/.\[]+", name) or [name]


def _note_group(group: Sequence[VariableInfo]) -> str:
    if len(group) == 1:
        return format_tensor(group[0].dtype, group[0].shape)
    return format_count(len(group), "variable")


def _color_group(group: Iterable[VariableInfo]) -> str:
    return _TRAINABLE if any(each.trainable for each in group) else _FIXED


def _merge_smallest(bars: Sequence[tuple[str, int, str, str]], color: str) -> list[tuple[str, int, str, str]]:
    """Return the largest bars, sorted by size and name; the rest as one bar."""
    ranked = sorted(bars, key=lambda bar: (-bar[1], bar[0]))
    if len(ranked) <= _MAX_BARS:
        return ranked
    rest = ranked[_MAX_BARS - 1 :]
    return [*ranked[: _MAX_BARS - 1], (f"and {len(rest):,} more", sum(bar[1] for bar in rest), "", color)]


def _draw_bars(page: _Page, heading: str, bars: Sequence[tuple[str, int, str, str]]) -> None:
    if not bars:
        return
    _draw_heading(page, heading)
    label_width, size_width = _MAX_LABEL * _MONO_WIDTH, 70
    left = _MARGIN + label_width + 10 + size_width
    scale = (_WIDTH - _MARGIN - left) / max(1, *(size for _, size, _, _ in bars))
    for name, size, note, color in bars:
        page.y += _LINE
        page.add_text(name, _MARGIN, width=label_width)
        page.add_text(format_size(size), left - 10, color=_DIM, text_anchor="end")
        page.add_box(left, page.y - 10, max(1.0, size * scale), 12, color, f"{name}: {note}")
        if note:
            _draw_note(page, note, left, size * scale)


def _draw_note(page: _Page, note: str, left: float, length: float) -> None:
    """Write a note into its bar or, if it is too short, after it."""
    fits = len(note) * _MONO_WIDTH + 12 < length
    x, color = (left + 6, _PAPER) if fits else (left + length + 6, _DIM)
    page.add_text(note, x, 10, color=color, width=_WIDTH - x)
