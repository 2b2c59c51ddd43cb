"""How two models differ: in their descriptions (`descriptions`) and in the values of their variables.

`variable_pairs` finds the variables that correspond, `value_differences` compares their values.
"""

from __future__ import annotations

from rehub.inspection.diff.model_differences import Change as Change
from rehub.inspection.diff.model_differences import ModelDifference as ModelDifference
from rehub.inspection.diff.model_differences import VariableDifference as VariableDifference
from rehub.inspection.diff.model_differences import compare_models as compare_models
from rehub.inspection.diff.model_differences import describe_values as describe_values
