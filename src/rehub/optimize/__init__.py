"""Restored models made faster for inference, where that is measured to be so: `hub.load(..., optimize="inference")`.

A function is frozen: its variables become constants, and what is computed of constants alone is computed once. Where
the CPU has instructions for bfloat16, the frozen graph is also tried in it. Of the forms of a function the fastest is
taken, on this machine, for this model; a form that computes something else is not.
"""

from __future__ import annotations

from rehub.optimize.choices import Form, OptimizedFunction, OutputDifference
from rehub.optimize.model import check_can_optimize, is_optimized, optimize_for_inference

__all__ = [
    "Form",
    "OptimizedFunction",
    "OutputDifference",
    "check_can_optimize",
    "is_optimized",
    "optimize_for_inference",
]
