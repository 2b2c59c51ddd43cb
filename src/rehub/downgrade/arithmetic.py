"""Formulas, as nodes of a graph."""

from __future__ import annotations

from typing import Any, Sequence

from rehub.downgrade.bodies import INT32, Body


class Arithmetic:
    """Adds nodes that compute with numbers of one dtype.

    Args:
        body: where to add them.
        dtype: the dtype of all numbers, an AttrValue.
    """

    def __init__(self, body: Body, dtype: Any) -> None:
        self.body = body
        self.dtype = dtype

    def apply(self, op: str, *inputs: str | float) -> str:
        """Add an op of tensors and constants that has no attribute but its dtype; return its output."""
        tensors = [each if isinstance(each, str) else self.body.constant(self.dtype, each) for each in inputs]
        return self.body.add(op, tensors, T=self.dtype)

    def add(self, first: str | float, second: str | float) -> str:
        """Add two numbers."""
        return self.apply("AddV2", first, second)

    def multiply(self, first: str | float, second: str | float) -> str:
        """Multiply two numbers."""
        return self.apply("Mul", first, second)

    def subtract(self, first: str | float, second: str | float) -> str:
        """Subtract a number from another."""
        return self.apply("Sub", first, second)

    def divide(self, first: str | float, second: str | float) -> str:
        """Divide a number by another."""
        return self.apply("RealDiv", first, second)

    def clip(self, tensor: str | float, low: str | float, high: str | float) -> str:
        """Return a number, or the bound that it exceeds."""
        return self.apply("Maximum", self.apply("Minimum", tensor, high), low)

    def select(self, condition: str, chosen: str | float, other: str | float) -> str:
        """Return one of two numbers by a condition; shapes are broadcast."""
        return self.apply("SelectV2", condition, chosen, other)

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Return a polynomial of a number, whose coefficients are given from that of the highest power on."""
        result: str | float = coefficients[0]
        for coefficient in coefficients[1:]:
            result = self.add(self.multiply(result, x), coefficient)
        return str(result)

    def all_true(self, *conditions: str) -> str:
        """Return whether all of some conditions are true."""
        result = conditions[0]
        for condition in conditions[1:]:
            result = self.body.add("LogicalAnd", [result, condition])
        return result

    def reshape(self, tensor: str, shape: str | Sequence[int]) -> str:
        """Return a tensor in a shape of int32."""
        target = shape if isinstance(shape, str) else self.body.constant(INT32, shape)
        return self.body.add("Reshape", [tensor, target], T=self.dtype, Tshape=INT32)
