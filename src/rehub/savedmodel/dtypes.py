"""TensorFlow's types of tensors by their numbers in types.proto, and how many bytes one element takes."""

from __future__ import annotations

from rehub.savedmodel.protos import ENUMS, REF_OFFSET

_UNLIKE_THE_ENUM = {"float": "float32", "double": "float64", "half": "float16"}
_NAMES = {
    number: _UNLIKE_THE_ENUM.get(name[3:].lower(), name[3:].lower())
    for name, number in ENUMS["DataType"].items()
    if 0 < number < REF_OFFSET
}

_SIZES = {
    **dict.fromkeys(["bool", "uint8", "int8", "qint8", "quint8", "int4", "uint4", "int2", "uint2", "float4_e2m1fn"], 1),
    **dict.fromkeys((name for name in _NAMES.values() if name.startswith("float8_")), 1),
    **dict.fromkeys(["int16", "uint16", "qint16", "quint16", "float16", "bfloat16"], 2),
    **dict.fromkeys(["int32", "uint32", "qint32", "float32"], 4),
    **dict.fromkeys(["int64", "uint64", "float64", "complex64"], 8),
    "complex128": 16,
}


def dtype_name(number: int) -> str:
    """Return the name that TensorFlow gives a type; "" for 0, which is none, and "type 77" for one that it lacks.

    >>> dtype_name(1), dtype_name(101), dtype_name(7)
    ('float32', 'float32_ref', 'string')
    """
    if number == 0:
        return ""
    if number > REF_OFFSET and number - REF_OFFSET in _NAMES:
        return _NAMES[number - REF_OFFSET] + "_ref"
    return _NAMES.get(number, f"type {number}")


def dtype_size(name: str) -> int | None:
    """Return the bytes that one element takes in memory; None where that is not fixed, as of strings."""
    return _SIZES.get(name)
