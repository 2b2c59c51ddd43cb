"""Make restored models faster for inference, as far as measurements show it: `hub.load(..., optimize="inference")`.

A function is frozen: its variables become constants, and what depends on constants alone is computed once. If the CPU
has instructions for bfloat16, the frozen graph is also tried in bfloat16. Of the forms of a function, the fastest on
this machine is chosen; a form with other results is refused.
"""

from __future__ import annotations

from rehub.optimize.model import check_can_optimize as check_can_optimize
from rehub.optimize.model import is_optimized as is_optimized
from rehub.optimize.model import optimize_for_inference as optimize_for_inference
