"""Boosted trees of Estimators."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule


@rule("the same op with features as vectors", "BoostedTreesPredict", before=(2, 0))
def flatten_features(body: Body, node: Any, _library: Library) -> None:
    """Make vectors of features that newer versions take as matrices of one column."""
    shape = body.constant(INT32, [-1])
    for place in range(1, 1 + node.attr["num_bucketized_features"].i):
        node.input[place] = body.add("Reshape", [node.input[place], shape], T=INT32, Tshape=INT32)
