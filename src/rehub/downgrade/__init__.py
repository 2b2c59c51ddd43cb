"""Rewrite a SavedModel for a TensorFlow that is older than the one that wrote it.

`rewrite_model` returns the bytes of a `saved_model.pb` that the older TensorFlow loads: attributes that it does not
know are dropped, ops become ops that it has, by one named rule each, and objects become those that its loader can make.
The modules of rules register them when they are imported here.
"""

from __future__ import annotations

from rehub.downgrade import (  # noqa: F401  They register their rules.
    arrays,
    boosted_trees,
    control_flow,
    convolutions,
    counting,
    features,
    gradients,
    image_warps,
    normalization,
    parsing,
    quantiles,
    ragged_variants,
    random_ops,
    removed_kernels,
    scattering,
    state,
    training,
)
from rehub.downgrade.attributes import can_do_without
from rehub.downgrade.model import Rewriting, needs_rewriting, rewrite_model
from rehub.downgrade.rules import Rule, all_rules, find_rule

__all__ = ["Rewriting", "Rule", "all_rules", "can_do_without", "find_rule", "needs_rewriting", "rewrite_model"]
