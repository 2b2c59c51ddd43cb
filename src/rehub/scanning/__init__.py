"""What a model could do to the machine that runs it, found without running any of it.

`graph_scan` judges the nodes of each `graph_program`: `sources` follows the names of files back to where they come
from, and `file_ops` decides whether such a file is the model's own. `ambiguities` are bytes that readers could read
differently. `model_scan` adds the files beside the graphs, such as Python code of Keras (`keras_lambdas`).
"""

from __future__ import annotations

from rehub.scanning.graph_scan import Finding as Finding
from rehub.scanning.graph_scan import Scan as Scan
from rehub.scanning.graph_scan import scan_saved_model as scan_saved_model
from rehub.scanning.model_scan import ScanReport as ScanReport
from rehub.scanning.model_scan import scan as scan
