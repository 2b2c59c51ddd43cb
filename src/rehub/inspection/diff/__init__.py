"""What differs between two models: what they say of themselves (`model_facts`), and their variables.

`variable_pairs` finds which variable of one model is which of the other, `value_differences` how far their values are
apart.
"""

from __future__ import annotations

from rehub.inspection.diff.model_differences import (
    Change,
    ModelDifference,
    VariableDifference,
    compare_models,
)

__all__ = ["Change", "ModelDifference", "VariableDifference", "compare_models"]
