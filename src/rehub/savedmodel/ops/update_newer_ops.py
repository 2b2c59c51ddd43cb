"""Write `newer_ops.txt`: the ops and attributes that newer TensorFlows have and older ones lack.

    python -m rehub.savedmodel.ops.update_newer_ops list 1.15.json            # in an environment of each version
    python -m rehub.savedmodel.ops.update_newer_ops write 1.15.json 2.1.json ... 2.21.json    # the oldest first

For a version without an environment, unpack its wheel of tensorflow-cpu, which needs not be installed:

    python -m rehub.savedmodel.ops.update_newer_ops read 2.4.ops wheel/       # in the Python that the wheel is for
    python -m rehub.savedmodel.ops.update_newer_ops list 2.4.json 2.4.ops     # in any environment
"""

from __future__ import annotations

import ctypes
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterable

from rehub import tf_internals
from rehub.savedmodel.ops.op_tables import NEWER_OPS

_COMMENT = """\
# The ops and attributes that a TensorFlow has and the one before it lacks, of 1.15.5 and each from 2.1 to 2.21. An
# attribute is Op.attribute=field:value, with the field of AttrValue that holds its default value. update_newer_ops.py
# writes this file.
"""


def _list_ops(definitions: Iterable[Any]) -> dict[str, dict[str, str]]:
    """Return the attributes of each op, each with its default."""
    return {op.name: {attr.name: _format_default(attr) for attr in op.attr} for op in definitions}


class _Buffer(ctypes.Structure):
    """TF_Buffer of TensorFlow's C API."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p))


def _read_library(directory: Path) -> bytes:
    """Return the serialized OpList of the libraries in an unpacked wheel, which need not be installed."""
    for file in sorted(directory.glob("tensorflow*/libtensorflow_framework.so.*")):
        ctypes.CDLL(str(file), mode=ctypes.RTLD_GLOBAL)
    libraries = sorted(directory.glob("tensorflow*/libtensorflow_cc.so.*"))
    libraries += sorted(directory.glob("tensorflow*/python/_pywrap_tensorflow_internal.so"))
    function = ctypes.CDLL(str(libraries[0]), mode=ctypes.RTLD_GLOBAL).TF_GetAllOpList
    function.restype = ctypes.POINTER(_Buffer)
    buffer = function().contents
    return ctypes.string_at(buffer.data, buffer.length)


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
    if sys.argv[1] == "read":
        Path(sys.argv[2]).write_bytes(_read_library(Path(sys.argv[3])))
    elif sys.argv[1] == "list":
        given = [Path(file).read_bytes() for file in sys.argv[3:]]
        found = tf_internals.ops.parse_op_list(given[0]) if given else tf_internals.ops.op_definitions()
        Path(sys.argv[2]).write_text(json.dumps(_list_ops(found)), encoding="utf-8")
    else:
        _write_table(sys.argv[2:])
