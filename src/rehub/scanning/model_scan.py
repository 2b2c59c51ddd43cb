"""`hub.scan`: what a model could do to the machine that runs it, without running anything of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from typing import Any, Iterator

from rehub.formatting import format_count
from rehub.inspection.local_model import open_model
from rehub.savedmodel.encodings import map_file
from rehub.savedmodel.layout import KERAS_METADATA
from rehub.scanning.graph_scan import Finding, scan_saved_model
from rehub.scanning.keras_lambdas import find_lambdas_in_metadata, find_lambdas_in_objects

_LIBRARIES = (".so", ".dll", ".dylib", ".pyd")
_LAMBDA_REASON = (
    "Keras runs it when it loads the model: Python bytecode, or a function of TensorFlow that can do harm. hub.load "
    "never looks at it."
)
_LIBRARY_REASON = "It is native code. hub.load loads no library of a model; nothing else should."


@dataclass(frozen=True, repr=False)
class ScanReport:
    """What `hub.scan` found.

    Attributes:
        handle: the handle that was scanned.
        path: the directory of the model.
        findings: first the findings in the graphs, in the order of the file, then the findings in other files.
        nodes, functions: how many were read, in all graph variants.
    """

    handle: str
    path: str
    findings: tuple[Finding, ...]
    nodes: int
    functions: int

    def __repr__(self) -> str:
        return f"<ScanReport: {self.summary()}>"

    def summary(self) -> str:
        """What was found, in a line."""
        dangers = len(self.dangers)
        counts = ((dangers, "danger"), (len(self.findings) - dangers, "note"))
        found = ", ".join(format_count(count, what) for count, what in counts if count) or "nothing found"
        return f"{self.handle}: {found} in {self.nodes:,} nodes and {self.functions:,} functions"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the findings."""
        cells = [(each.severity, each.kind, each.what, each.place(), each.reason) for each in self.findings]
        headings = ("severity", "kind", "what", "where", "why") if cells else ()
        rows = "".join(
            f"<tr>{''.join(_format_cell(tag, text) for text in row)}</tr>"
            for tag, row in (("th", headings), *(("td", row) for row in cells))
            if row
        )
        return f"<table><caption>{escape(self.summary())}</caption>{rows}</table>"

    @property
    def dangers(self) -> tuple[Finding, ...]:
        """The findings of severity "danger"; the others are notes."""
        return tuple(finding for finding in self.findings if finding.severity == "danger")

    @property
    def is_clean(self) -> bool:
        """Whether there is no danger among the findings."""
        return not self.dangers

    def __str__(self) -> str:
        lines = [self.summary()]
        reasons = dict.fromkeys((each.severity, each.kind, each.reason) for each in self.findings)
        for severity, kind, reason in sorted(reasons):
            lines.append(f"  {severity}: {kind}. {reason}")
            lines.extend(
                f"    {finding.summary()}"
                for finding in self.findings
                if (finding.severity, finding.kind, finding.reason) == (severity, kind, reason)
            )
        return "\n".join(lines)


def _format_cell(tag: str, text: object) -> str:
    return f'<{tag} style="text-align: left; white-space: normal">{escape(str(text))}</{tag}>'


def scan(handle: Any) -> ScanReport:
    """Find what a model could do to the machine that runs it, after downloading the model if necessary.

    A model is a program. A scan reads all of its graphs and functions, called or not, without TensorFlow, and runs
    nothing. docs/security.md explains what a scan finds and why, and what it cannot find.

        report = hub.scan("https://example.com/model")
        for finding in report.dangers:
            print(finding.op, finding.kind, finding.what, finding.place())

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.

    Raises:
        ModelNotFound: the directory has no model; the message says what it contains.
        UnsupportedFormat: the model has another format; the message says what loads it.
        LocationUnreadable: the model is in an object store, and was not copied to this machine.
        CorruptModel: a file of the model is damaged.
    """
    model = open_model(handle)
    found = scan_saved_model(model.layout.file, model.content)
    others = (
        *(
            _report_lambda(name, model.layout.model_file)
            for name in find_lambdas_in_objects(model.layout.file, model.content)
        ),
        *_scan_other_files(model.layout.path),
    )
    return ScanReport(model.label, model.layout.path, (*found.findings, *others), found.nodes, found.functions)


def _scan_other_files(path: str) -> Iterator[Finding]:
    """Yield what is to be said about the files beside the graph. Links to other directories are not followed."""
    for directory, _, names in os.walk(path):
        for name in sorted(names):
            file = os.path.join(directory, name)
            place = os.path.relpath(file, path)
            if place == KERAS_METADATA and os.path.isfile(file):
                for layer in find_lambdas_in_metadata(file, map_file(file)):
                    yield _report_lambda(layer, place)
            elif name.lower().endswith(_LIBRARIES) or ".so." in name.lower():
                yield Finding("", "native library", "note", _LIBRARY_REASON, node=place)


def _report_lambda(layer: str, place: str) -> Finding:
    return Finding("", "Python code", "danger", _LAMBDA_REASON, what=f"the Lambda layer {layer!r}", node=place)
