"""Inverses of the error function and of the normal distribution."""

from __future__ import annotations

import math
from typing import Any

from rehub.downgrade.arithmetic import Arithmetic
from rehub.downgrade.bodies import FLOAT, Body, make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule

# Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.23: a quantile with an error below 4.5e-4.
_NUMERATOR, _DENOMINATOR = (0.010328, 0.802853, 2.515517), (0.001308, 0.189269, 1.432788, 1.0)


@rule("Halley's method on Erfc", "Ndtri", "Erfinv")
def find_quantile(body: Body, node: Any, _library: Library) -> None:
    """Compute the quantile of the normal distribution, of which TensorFlow makes the inverse of erf too."""
    dtype = node.attr["T"]
    of = Arithmetic(body, dtype if dtype.type == make_type("double").type else FLOAT)
    x = body.convert(node.input[0], dtype, of.dtype)
    if node.op == "Ndtri":
        result = _find_quantile(of, x)
    else:
        result = of.multiply(_find_quantile(of, of.multiply(of.add(x, 1.0), 0.5)), math.sqrt(0.5))
    body.replace_outputs([("y", [body.convert(result, of.dtype, dtype)])])


def _find_quantile(of: Arithmetic, probability: str) -> str:
    """Return -z or z, where z is the quantile of the smaller tail, with a positive sign."""
    tail = of.apply("Minimum", probability, of.subtract(1.0, probability))
    root = of.apply("Sqrt", of.multiply(of.apply("Log", tail), -2.0))
    z = of.subtract(root, of.divide(of.polynomial(root, _NUMERATOR), of.polynomial(root, _DENOMINATOR)))
    for _ in range(2):
        excess = of.subtract(of.multiply(of.apply("Erfc", of.multiply(z, math.sqrt(0.5))), 0.5), tail)
        density = of.multiply(of.apply("Exp", of.multiply(of.multiply(z, z), -0.5)), 1 / math.sqrt(2 * math.pi))
        step = of.divide(excess, density)
        z = of.add(z, of.divide(step, of.subtract(1.0, of.multiply(of.multiply(z, step), 0.5))))
    z = of.select(of.apply("Equal", tail, 0.0), math.inf, z)
    return of.select(of.apply("Less", probability, 0.5), of.apply("Neg", z), z)
