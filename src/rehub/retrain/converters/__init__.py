"""How each kind of node of TF1 is traced in TF2. A node of another kind is copied, by `copy_op`."""

from __future__ import annotations

from typing import Mapping

from rehub.retrain.context import Converter
from rehub.retrain.converters import (
    dropped_ops,
    function_calls,
    plain_ops,
    recurrent_cells,
    tables,
    tensor_arrays,
    variables,
)

CONVERTERS: Mapping[str, Converter] = {
    **plain_ops.CONVERTERS,
    **tables.CONVERTERS,
    **variables.CONVERTERS,
    **tensor_arrays.CONVERTERS,
    **function_calls.CONVERTERS,
    **recurrent_cells.CONVERTERS,
    **dropped_ops.CONVERTERS,
}
