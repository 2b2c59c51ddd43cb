"""What is known about ops by their names.

`providers` has the packages that provide ops which plain TensorFlow lacks, `op_classes` what an op can do to a machine,
and `gradient_barriers` the ops that stop gradients. The names are in text files, which `update_op_tables` extends.
"""

from __future__ import annotations

from rehub.savedmodel.ops.providers import PROVIDERS as PROVIDERS
from rehub.savedmodel.ops.providers import Provider as Provider
from rehub.savedmodel.ops.providers import find_provider as find_provider
