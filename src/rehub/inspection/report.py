"""What a model holds as text: what `rehub show` prints, and `print(hub.inspect(...))`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Iterator

from rehub.inspection import summary

if TYPE_CHECKING:
    from rehub.inspection.model_info import ModelInfo, SignatureInfo

_SIGNATURES, _TENSORS, _FUNCTIONS, _TRACES = 8, 6, 5, 3
_WIDTH = 100


def report_text(info: ModelInfo) -> str:
    """Returns the lines of a report in one text; letters that steer a terminal are written out."""
    return "\n".join(map(_printable, report_lines(info)))


def report_lines(info: ModelInfo, bold: Callable[[str], str] = str, dim: Callable[[str], str] = str) -> Iterator[str]:
    """Yields the lines of a report.

    Args:
        info: the model.
        bold, dim: return a text as a terminal shows it bold or dim.
    """
    yield bold(info.handle)
    if info.path != info.handle:
        yield f"  {dim(info.path)}"
    rows = summary.summary(info)
    width = max(len(name) for name, _ in [*rows, *summary.capabilities(info)])
    for name, text in rows:
        yield f"  {dim(name.ljust(width))}  {text}"
    yield from _signatures(info, bold, dim)
    yield from _functions(info, bold, dim)
    yield ""
    for name, capability in summary.capabilities(info):
        yield f"  {dim(name.ljust(width))}  {bold('yes' if capability else 'no')}: {capability.reason}"
    yield ""
    for text in (summary.IMPORTS, *info.usage):
        yield f"  {text}"


def _signatures(info: ModelInfo, bold: Callable[[str], str], dim: Callable[[str], str]) -> Iterator[str]:
    found = summary.signatures(info)
    if not found:
        return
    yield ""
    yield bold("signatures")
    for note, signature in found[:_SIGNATURES]:
        yield from _signature(signature, note, dim)
    yield from _more(len(found) - _SIGNATURES, "--signature NAME or --json shows any", dim)


def _signature(signature: SignatureInfo, note: str, dim: Callable[[str], str]) -> Iterator[str]:
    taken = [summary.tensor_text(tensor) for tensor in signature.inputs]
    returned = [summary.tensor_text(tensor) for tensor in signature.outputs]
    suffix = f"  {dim(note)}" if note else ""
    text = f"  {signature.name}({', '.join(taken)}) -> {', '.join(returned)}"
    if len(text) <= _WIDTH:
        yield text + suffix
        return
    yield f"  {signature.name}{suffix}"
    for word, tensors in (("takes  ", taken), ("returns", returned)):
        for tensor in tensors[:_TENSORS]:
            yield f"    {dim(word)}  {tensor}"
        yield from _more(len(tensors) - _TENSORS, f"--signature {signature.name} shows all", dim, "    ")


def _functions(info: ModelInfo, bold: Callable[[str], str], dim: Callable[[str], str]) -> Iterator[str]:
    found = summary.functions(info)
    if not found:
        return
    yield ""
    yield bold("functions")
    for function in found[:_FUNCTIONS]:
        yield f"  {summary.header(function)}"
        for trace in function.traces[:_TRACES]:
            yield f"    {summary.trace_text(trace)}"
        yield from _more(len(function.traces) - _TRACES, "traces; --json shows them", dim, "    ")
    yield from _more(len(info.callables) - min(len(found), _FUNCTIONS), "of its parts; --json shows them", dim)


def _more(count: int, what: str, dim: Callable[[str], str], indent: str = "  ") -> Iterator[str]:
    if count > 0:
        yield f"{indent}{dim(f'and {count:,} more: {what}')}"


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in line)
