"""TensorFlow's types of tensors by their numbers in types.proto, and how many bytes one element takes."""

from __future__ import annotations

_NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    26: "float8_e4m3fnuz",
    27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz",
    29: "int4",
    30: "uint4",
    31: "int2",
    32: "uint2",
    33: "float4_e2m1fn",
}
_REF = 100  # A reference variable's type is its value's plus this.

_SIZES = {
    "float32": 4,
    "float64": 8,
    "int32": 4,
    "uint8": 1,
    "int16": 2,
    "int8": 1,
    "complex64": 8,
    "int64": 8,
    "bool": 1,
    "qint8": 1,
    "quint8": 1,
    "qint32": 4,
    "bfloat16": 2,
    "qint16": 2,
    "quint16": 2,
    "uint16": 2,
    "complex128": 16,
    "float16": 2,
    "uint32": 4,
    "uint64": 8,
    "float8_e5m2": 1,
    "float8_e4m3fn": 1,
    "float8_e4m3fnuz": 1,
    "float8_e4m3b11fnuz": 1,
    "float8_e5m2fnuz": 1,
    "int4": 1,
    "uint4": 1,
    "int2": 1,
    "uint2": 1,
    "float4_e2m1fn": 1,
}


def dtype_name(number: int) -> str:
    """Return the name that TensorFlow gives a type; "" for 0, which is none, and "type 77" for one that it lacks.

    >>> dtype_name(1), dtype_name(101), dtype_name(7)
    ('float32', 'float32_ref', 'string')
    """
    if number == 0:
        return ""
    if number > _REF and number - _REF in _NAMES:
        return _NAMES[number - _REF] + "_ref"
    return _NAMES.get(number, f"type {number}")


def dtype_size(name: str) -> int | None:
    """Return the bytes that one element takes in memory; None where that is not fixed, as of strings."""
    return _SIZES.get(name)
