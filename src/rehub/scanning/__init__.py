"""What a model could do to the machine that runs it, found without running anything of it.

`graph_scan` goes through the graphs: their `variants`, where the names of files come from (`sources`), and which files
these are (`file_ops`). `model_scan` adds the files beside the graphs, such as Python code that Keras left
(`keras_lambdas`).
"""

from __future__ import annotations

from rehub.scanning.graph_scan import Finding, Scan, scan_saved_model
from rehub.scanning.model_scan import ScanReport, scan

__all__ = ["Finding", "Scan", "ScanReport", "scan", "scan_saved_model"]
