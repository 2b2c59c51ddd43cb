"""What a model contains, and what you can do with it: `hub.inspect`, without TensorFlow.

`inspection` reads the parts: functions (`callables`), `variables`, nodes (`graph_nodes`), assets and attachments.
`capabilities` and `example_code` say how to use them. All of it goes into a `ModelInfo`, which `report` shows as text
and `html_table` in a notebook; both take their sentences from `summary`. `damage` finds incomplete files, `diff`
compares two models.
"""

from __future__ import annotations

from rehub.inspection.inspection import inspect as inspect
from rehub.inspection.model_info import ModelInfo as ModelInfo
