"""How two models differ: in their descriptions (`descriptions`) and in the values of their variables.

`variable_pairs` finds the variables that correspond, `value_differences` compares their values.
"""

from __future__ import annotations

from rehub.inspection.diff.model_differences import (
    Change,
    ModelDifference,
    VariableDifference,
    compare_models,
    describe_values,
)

__all__ = ["Change", "ModelDifference", "VariableDifference", "compare_models", "describe_values"]
