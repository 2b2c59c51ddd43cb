"""A `ModelInfo` as a table in a notebook."""

from __future__ import annotations

from html import escape
from typing import Iterable

from rehub.inspection import summary
from rehub.inspection.model_info import ModelInfo, TensorInfo


def format_html_table(info: ModelInfo) -> str:
    """Return an HTML table with the content of `rehub show`."""
    rows = [format_row(name, escape(text)) for name, text in summary.list_facts(info)]
    for note, signature in summary.list_signatures(info):
        name = f"signature {signature.name}" + (f" {note}" if note else "")
        rows.append(
            format_row(name, f"{_format_tensors(signature.inputs)} &rarr; {_format_tensors(signature.outputs)}")
        )
    for function in summary.list_functions(info):
        traces = "<br>".join(escape(summary.format_trace(trace)) for trace in function.traces)
        rows.append(format_row(summary.format_call(function), traces))
    for name, capability in summary.list_capabilities(info):
        rows.append(format_row(name, f"<b>{'yes' if capability else 'no'}</b> {escape(capability.reason)}"))
    lines = "\n".join((summary.IMPORTS, *info.usage))
    rows.append(format_row("in Python", f"<pre>{escape(lines)}</pre>"))
    return format_table(info.handle, rows)


def format_table(caption: str, rows: Iterable[str]) -> str:
    """Return an HTML table of rows from `format_row`. The caption is text, not HTML."""
    return f"<table><caption>{escape(caption)}</caption>{''.join(rows)}</table>"


def format_row(name: str, *cells: str) -> str:
    """Return the HTML of a row: its name, which is text, and cells, which are HTML."""
    # Notebooks align text to the right by default, which is for numbers.
    style = ' style="text-align: left; white-space: normal"'
    columns = "".join(f"<td{style}>{cell}</td>" for cell in cells)
    return f"<tr><th{style}>{escape(name)}</th>{columns}</tr>"


def _format_tensors(tensors: Iterable[TensorInfo]) -> str:
    return ", ".join(escape(summary.format_input(tensor)) for tensor in tensors) or "nothing"
