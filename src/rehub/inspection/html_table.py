"""A `ModelInfo` as a table in a notebook."""

from __future__ import annotations

from html import escape
from typing import Iterable

from rehub.inspection import summary
from rehub.inspection.model_info import ModelInfo, TensorInfo


def html_table(info: ModelInfo) -> str:
    """Returns the HTML of a table that tells what `rehub show` tells."""
    rows = [_row(name, escape(text)) for name, text in summary.summary(info)]
    for note, signature in summary.signatures(info):
        name = f"signature {signature.name}" + (f" {note}" if note else "")
        rows.append(_row(name, f"{_tensors(signature.inputs)} &rarr; {_tensors(signature.outputs)}"))
    for function in summary.functions(info):
        traces = "<br>".join(escape(summary.trace_text(trace)) for trace in function.traces)
        rows.append(_row(summary.header(function), traces))
    for name, capability in summary.capabilities(info):
        rows.append(_row(name, f"<b>{'yes' if capability else 'no'}</b> {escape(capability.reason)}"))
    lines = "\n".join((summary.IMPORTS, *info.usage))
    rows.append(_row("in Python", f"<pre>{escape(lines)}</pre>"))
    return f"<table><caption>{escape(info.handle)}</caption>{''.join(rows)}</table>"


def _tensors(tensors: Iterable[TensorInfo]) -> str:
    return ", ".join(escape(summary.tensor_text(tensor)) for tensor in tensors) or "nothing"


def _row(name: str, cell: str) -> str:
    # Notebooks put text to the right by default, which is for numbers.
    style = ' style="text-align: left; white-space: normal"'
    return f"<tr><th{style}>{escape(name)}</th><td{style}>{cell}</td></tr>"
