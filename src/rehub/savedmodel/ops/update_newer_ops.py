"""Write `newer_ops.txt`: the ops and attributes that newer TensorFlows have and older ones lack.

python -m rehub.savedmodel.ops.update_newer_ops list 1.15.json            # in an environment of each version
python -m rehub.savedmodel.ops.update_newer_ops write 1.15.json 2.15.json 2.21.json       # the oldest first
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from rehub import tf_internals
from rehub.savedmodel.ops.op_tables import NEWER_OPS

_COMMENT = """\
# The ops and attributes of TensorFlow 2.15.1 and 2.21.0 that the version before them, of 1.15.5, 2.15.1 and 2.21.0,
# lacks. An attribute is Op.attribute=field:value, with the field of AttrValue that holds its default value.
# update_newer_ops.py writes this file.
"""


def _list_ops() -> dict[str, dict[str, str]]:
    """Return the attributes of each registered op, each with its default."""
    return {op.name: {attr.name: _format_default(attr) for attr in op.attr} for op in tf_internals.ops.op_definitions()}


def _format_default(attr: Any) -> str:
    if not attr.HasField("default_value"):
        return ""
    kind = attr.default_value.WhichOneof("value")
    value = getattr(attr.default_value, kind)
    if kind == "list":
        return "list:" if not value.ByteSize() else f"other:{value.SerializeToString().hex()}"
    if kind in {"b", "i", "f", "type"}:
        return f"{kind}:{value + 0}"
    return f"s:{value.decode()}" if kind == "s" and not set(value) & set(b" \n") else f"other:{attr.ByteSize()}"


def _write_table(files: list[str]) -> None:
    tables = {Path(file).stem: json.loads(Path(file).read_text(encoding="utf-8")) for file in files}
    known: dict[str, set[str]] = {}
    sections = []
    for version, ops in tables.items():
        if known:
            new_ops = [op for op in ops if op not in known]
            attributes = [
                f"{op}.{name}={default}"
                for op in ops
                for name, default in ops[op].items()
                if op in known and name not in known[op]
            ]
            sections.append(f"[ops since {version}]\n{_wrap_words(new_ops)}")
            sections.append(f"[attributes since {version}]\n{_wrap_words(attributes)}")
        for op, names in ops.items():
            known.setdefault(op, set()).update(names)
    text = "\n\n".join([_COMMENT.rstrip(), *sections]) + "\n"
    Path(__file__).with_name(NEWER_OPS).write_text(text, encoding="utf-8")


def _wrap_words(words: list[str]) -> str:
    return textwrap.fill(" ".join(sorted(words)), 120, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    if sys.argv[1] == "list":
        Path(sys.argv[2]).write_text(json.dumps(_list_ops()), encoding="utf-8")
    else:
        _write_table(sys.argv[2:])
