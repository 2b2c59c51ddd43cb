"""Ops on matrices, images and numbers."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import FLOAT, INT32, INT64, Body, encode_attribute, make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible, rule

UINT8 = make_type("uint8")


@rule("BatchMatMulV2, after casts if dtypes differ", "BatchMatMulV3")
def multiply_one_dtype(body: Body, node: Any, _library: Library) -> None:
    """Multiply matrices of one dtype."""
    result = node.attr["Tout"]
    node.input[0] = body.convert(node.input[0], node.attr["Ta"], result)
    node.input[1] = body.convert(node.input[1], node.attr["Tb"], result)
    node.attr["T"].CopyFrom(result)
    for name in ("Ta", "Tb", "Tout", "grad_x", "grad_y"):
        node.attr.pop(name, None)
    node.op = "BatchMatMulV2"


@rule("the V2 op, for one diagonal or left-aligned diagonals", "MatrixDiagV3", "MatrixDiagPartV3", "MatrixSetDiagV3")
def align_left(body: Body, node: Any, _library: Library) -> None:
    """Take diagonals that are aligned to the left; one diagonal has no alignment."""
    position = 2 if node.op == "MatrixSetDiagV3" else 1
    producer = body.producer(node.input[position])
    if node.attr["align"].s != b"LEFT_LEFT":
        numbers = None if producer is None or producer.op != "Const" else _read_integers(producer.attr["value"].tensor)
        if numbers is None or len(set(numbers)) != 1:
            raise Inexpressible(f"alignment {node.attr['align'].s.decode()!r} of more than one diagonal")
    node.attr.pop("align", None)
    node.op = f"{node.op[:-1]}2"


def _read_integers(tensor: Any) -> list[int]:
    """Return the elements of an int32 tensor."""
    content = tensor.tensor_content
    if content:
        return [
            int.from_bytes(content[start : start + 4], "little", signed=True) for start in range(0, len(content), 4)
        ]
    return list(tensor.int_val)


@rule("CheckNumerics", "CheckNumericsV2")
def check_numerics(_body: Body, node: Any, _library: Library) -> None:
    """Check that all numbers are finite, with a shorter message."""
    node.op = "CheckNumerics"


@rule("DecodePng, which reads PNG, JPEG and non-animated GIF", "DecodeImage")
def decode_any_format(body: Body, node: Any, _library: Library) -> None:
    """Decode an image by the op for PNG, whose kernel reads other formats too."""
    dtype = node.attr.get("dtype", UINT8)
    node.attr.pop("expand_animations", None)
    if dtype.type != FLOAT.type:
        node.op = "DecodePng"
        return
    channels = node.attr["channels"].i
    image = body.add("DecodePng", [node.input[0]], channels=channels, dtype=UINT8)
    numbers = body.convert(image, UINT8, dtype)
    scaled = body.add("Mul", [numbers, body.constant(dtype, 1.0 / 255.0)], T=dtype)
    body.replace_outputs([("image", [scaled])])


@rule(
    "the same op with int32 indices",
    *(f"SparseSegment{kind}{suffix}" for kind in ("Sum", "Mean", "SqrtN") for suffix in ("", "WithNumSegments")),
    before=(2, 0),
)
def index_by_int32(body: Body, node: Any, _library: Library) -> bool:
    """Give indices as int32, as 1.15 has no other kernels."""
    if "Tidx" not in node.attr or node.attr["Tidx"].type != INT64.type:
        return False
    node.input[1] = body.convert(node.input[1], INT64, INT32)
    node.attr["Tidx"].type = INT32.type
    return True


@rule("Log1p and MulNoNan", "Xlog1py")
def multiply_log1p(body: Body, node: Any, _library: Library) -> None:
    """Compute x * log(1 + y), and 0 where x is 0."""
    dtype = node.attr["T"]
    logarithm = body.add("Log1p", [node.input[1]], T=dtype)
    body.replace_outputs([("z", [body.add("MulNoNan", [logarithm, node.input[0]], T=dtype)])])


@rule("a new table for each object", "AnonymousHashTable")
def name_table(body: Body, node: Any, _library: Library) -> None:
    """Make a table by the op that names it, which a loader makes unique."""
    node.op = "HashTableV2"
    node.attr["shared_name"].s = f"{body.name}/{node.name}".encode()
    for name, value in (("container", ""), ("use_node_name_sharing", True)):
        node.attr[name].CopyFrom(encode_attribute(value))
