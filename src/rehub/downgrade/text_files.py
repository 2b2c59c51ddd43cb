"""Tables that are filled from text files."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, INT64, STRING, Body
from rehub.downgrade.rules import Inexpressible
from rehub.savedmodel.nodes import node_name

_WHOLE_LINE, _LINE_NUMBER = -2, -1  # tf.lookup.TextFileIndex


def number_from_offset(body: Body, node: Any) -> None:
    """Fill a table with the lines of a text file and their numbers, of which the first is an `offset`."""
    indices = node.attr["key_index"].i, node.attr["value_index"].i
    if sorted(indices) != [_WHOLE_LINE, _LINE_NUMBER]:
        raise Inexpressible("an offset for a table of the columns of a file")
    handle, filename, *control = node.input
    limit = node.attr["vocab_size"].i if "vocab_size" in node.attr else -1
    lines = _read_lines(body, filename, limit)
    control.append(f"^{node_name(_assert_not_empty(body, lines, filename))}")
    count = body.add("Size", [lines], T=STRING, out_type=INT64)
    first = body.constant(INT64, node.attr["offset"].i)
    end = body.add("AddV2", [first, count], T=INT64)
    numbers = body.add("Range", [first, end, body.constant(INT64, 1)], Tidx=INT64)
    columns = {_WHOLE_LINE: (lines, STRING), _LINE_NUMBER: (numbers, INT64)}
    del node.input[:]
    node.input.extend([handle, *(columns[index][0] for index in indices), *control])
    node.op = "InitializeTableV2" if node.op.endswith("V2") else "InitializeTable"
    for name in ("key_index", "value_index", "vocab_size", "delimiter"):
        node.attr.pop(name, None)
    for name, index in zip(("Tkey", "Tval"), indices):
        node.attr[name].type = columns[index][1].type


def _assert_not_empty(body: Body, lines: str, filename: str) -> str:
    """Refuse empty lines and an empty file, as TensorFlow does (lookup_util.cc); return the check."""
    are_full = body.add("NotEqual", [lines, body.constant(STRING, b"")], T=STRING)
    is_valid = body.add("All", [are_full, body.constant(INT32, [0])], Tidx=INT32, keep_dims=False)
    message = body.constant(STRING, b"Invalid content: an empty line, or no line, in the vocabulary file ")
    return body.add("Assert", [is_valid, message, filename], T=[STRING, STRING])


def _read_lines(body: Body, filename: str, limit: int) -> str:
    """Return the lines of a file, or the first of them, as TensorFlow reads them: without returns (inputbuffer.cc)."""
    text = body.add("ReadFile", [filename])
    for pattern in (r"\r", r"\n\z"):
        text = body.add("StaticRegexReplace", [text], pattern=pattern, rewrite="", replace_global=True)
    row = body.add("Reshape", [text, body.constant(INT32, [1])], T=STRING, Tshape=INT32)
    separator = body.constant(STRING, b"\n")
    _, lines, _ = body.add_node("StringSplitV2", [row, separator], ["indices", "values", "shape"], maxsplit=-1)
    if limit < 0:
        return lines
    bounds = [body.constant(INT32, each) for each in ([0], [limit], [1])]
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    return body.add("StridedSlice", [lines, *bounds], T=STRING, Index=INT32, **masks)
