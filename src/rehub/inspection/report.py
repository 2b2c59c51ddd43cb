"""A `ModelInfo` as text: what `rehub show` prints, and `print(hub.inspect(...))`."""

from __future__ import annotations

from typing import Callable, Iterator

from rehub.escaping import escape
from rehub.inspection import summary
from rehub.inspection.model_info import ModelInfo, SignatureInfo

_MAX_SIGNATURES, _MAX_TENSORS, _MAX_FUNCTIONS, _MAX_TRACES = 8, 6, 5, 3
_WIDTH = 100
_LONGEST_LINE = 20_000


def format_report(info: ModelInfo) -> str:
    """Return the lines of a report as one text, without control characters."""
    return "\n".join(escape(line, _LONGEST_LINE) for line in format_report_lines(info))


def format_report_lines(
    info: ModelInfo, bold: Callable[[str], str] = str, dim: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield the lines of a report.

    Args:
        info: the model.
        bold, dim: return a text in bold or dim style for a terminal.
    """
    yield bold(info.handle)
    if info.path != info.handle:
        yield f"  {dim(info.path)}"
    rows = summary.list_facts(info)
    width = max(len(name) for name, _ in [*rows, *summary.list_capabilities(info)])
    for name, text in rows:
        yield f"  {dim(name.ljust(width))}  {text}"
    yield from _format_signatures(info, bold, dim)
    yield from _format_functions(info, bold, dim)
    yield ""
    for name, capability in summary.list_capabilities(info):
        yield f"  {dim(name.ljust(width))}  {bold('yes' if capability else 'no')}: {capability.reason}"
    yield ""
    for text in (summary.IMPORTS, *info.usage):
        yield f"  {text}"


def _format_signatures(info: ModelInfo, bold: Callable[[str], str], dim: Callable[[str], str]) -> Iterator[str]:
    found = summary.list_signatures(info)
    if not found:
        return
    yield ""
    yield bold("signatures")
    for note, signature in found[:_MAX_SIGNATURES]:
        yield from _format_signature(signature, note, dim)
    yield from _format_rest(len(found) - _MAX_SIGNATURES, "--signature NAME or --json shows any", dim)


def _format_signature(signature: SignatureInfo, note: str, dim: Callable[[str], str]) -> Iterator[str]:
    inputs = [summary.format_input(tensor) for tensor in signature.inputs]
    outputs = [summary.format_input(tensor) for tensor in signature.outputs]
    suffix = f"  {dim(note)}" if note else ""
    text = f"  {signature.name}({', '.join(inputs)}) -> {', '.join(outputs)}"
    if len(text) <= _WIDTH:
        yield text + suffix
        return
    yield f"  {signature.name}{suffix}"
    for verb, tensors in (("takes  ", inputs), ("returns", outputs)):
        for tensor in tensors[:_MAX_TENSORS]:
            yield f"    {dim(verb)}  {tensor}"
        yield from _format_rest(len(tensors) - _MAX_TENSORS, f"--signature {signature.name} shows all", dim, "    ")


def _format_functions(info: ModelInfo, bold: Callable[[str], str], dim: Callable[[str], str]) -> Iterator[str]:
    found = summary.list_functions(info)
    if not found:
        return
    yield ""
    yield bold("functions")
    for function in found[:_MAX_FUNCTIONS]:
        yield f"  {summary.format_call(function)}"
        for trace in function.traces[:_MAX_TRACES]:
            yield f"    {summary.format_trace(trace)}"
        yield from _format_rest(len(function.traces) - _MAX_TRACES, "traces; --json shows them", dim, "    ")
    shown = min(len(found), _MAX_FUNCTIONS)
    yield from _format_rest(len(info.callables) - shown, "of its parts; --json shows them", dim)


def _format_rest(count: int, what: str, dim: Callable[[str], str], indent: str = "  ") -> Iterator[str]:
    if count > 0:
        yield f"{indent}{dim(f'and {count:,} more: {what}')}"
