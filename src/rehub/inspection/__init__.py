"""What a model holds, and what can be done with it: `hub.inspect`.

`inspection` reads the parts: signatures (`interfaces`), functions (`callables`), `variables`, nodes (`graph_nodes`),
assets and attachments. `capabilities` and `usage` say what can be done with them. All of it goes into a `ModelInfo`,
which `overview` and `html_table` show.
"""

from __future__ import annotations

from rehub.inspection.inspection import inspect
from rehub.inspection.model_info import ModelInfo

__all__ = ["ModelInfo", "inspect"]
