"""What an op can do to the machine that runs it: each op of TensorFlow has a class, and each class a reason.

The ops of TensorFlow 1.15.5, 2.15.1 and 2.21.0 are listed below the names of these classes in `tensorflow_ops.txt`.
They were classed by TensorFlow's SECURITY.md, by the definitions and kernels of the ops, and by known harmful models:
some ops write files though their names do not say so (SaveV2, PrintV2 to a file, DebugIdentity, CacheDataset,
DumpTensor), some read them (ImmutableConst, DecodeProtoV2, FixedUnigramCandidateSampler), and some hold graphs
(DatasetFromGraph).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from rehub.savedmodel.ops.op_tables import CALLS_FUNCTIONS, TENSORFLOW_OPS, UNKNOWN_OP, read_op_table
from rehub.savedmodel.ops.providers import find_provider


@dataclass(frozen=True)
class OpClass:
    """What ops can do.

    Attributes:
        name: in two or three words: "reads files".
        severity: "danger" for what a careful user refuses, "note" for what is good to know, "" for the harmless.
        reason: why that matters, in a sentence.
    """

    name: str
    severity: str
    reason: str


COMPUTES = OpClass("computes", "", "It makes tensors from tensors.")
KEEPS_STATE = OpClass("keeps state", "", "It changes variables, tables, queues or iterators, in memory.")
USES_DEVICES = OpClass("uses devices", "", "It moves tensors to an accelerator, or computes there.")
LOGS = OpClass("logs", "note", "It writes what the model computes into the program's output, or into a log it opened.")
REACHES_MACHINES = OpClass(
    "reaches machines", "note", "It exchanges tensors with other devices, of other machines too if there is a cluster."
)
HOLDS_PROGRAM = OpClass(
    "holds a program", "note", "It computes by a compiled program in an attribute, whose operations are not read here."
)
READS_FILES = OpClass(
    "reads files",
    "danger",
    "It reads files with the rights of the user who runs the model; what it reads can leave in the model's outputs.",
)
WRITES_FILES = OpClass(
    "writes files", "danger", "It writes, renames or deletes files with the rights of the user who runs the model."
)
USES_NETWORK = OpClass(
    "uses the network", "danger", "It opens network connections: data can leave the machine, and come to it."
)
RUNS_PYTHON = OpClass("runs Python", "danger", "It calls a Python function of the process that runs the model.")
HIDES_PROGRAM = OpClass(
    "hides a program", "danger", "It runs what is not in the graph: a graph made at run time, or native code."
)
CHANGES_PROCESS = OpClass(
    "changes the process", "danger", "It ends the process, or changes how all of it reads files or uses credentials."
)
AMBIGUOUS = OpClass(
    "ambiguous",
    "danger",
    "It can be read in two ways, and no writer of models writes it: what is loaded may not be what was scanned.",
)
CUSTOM = OpClass("custom op", "note", "It is native code of a package that has to be installed: {package}.")
CUSTOM_WITH_FILES = OpClass(
    "custom op", "danger", "It is native code of a package that reads files and uses the network: {package}."
)
UNKNOWN = OpClass(UNKNOWN_OP, "danger", "No TensorFlow and no known package has this op: what it does is not known.")

_CLASSES = (
    COMPUTES, KEEPS_STATE, USES_DEVICES, LOGS, REACHES_MACHINES, HOLDS_PROGRAM, READS_FILES, WRITES_FILES, USES_NETWORK,
    RUNS_PYTHON, HIDES_PROGRAM, CHANGES_PROCESS, UNKNOWN,
)  # fmt: skip

# What is in these reads files or speaks to servers, by design.
_PROVIDERS_WITH_FILES = {
    "tensorflow_io",
    "struct2tensor",
    *(f"tensorflow.contrib.{module}" for module in ("bigtable", "ffmpeg", "hadoop", "ignite", "kafka", "kinesis")),
}
# Ops with files or servers of packages whose other ops compute: a forest is loaded from a path, trained and saved, an
# embedding is kept in a directory or by Redis, and frames are read from a video.
_OPS_WITH_FILES = re.compile(
    r"SimpleML(?!InferenceOp|InferenceLeafIndexOp|CreateModelResource)|TFRA>.*(FileSystem|Redis)|Y4MDataset"
)


@functools.lru_cache(maxsize=None)
def _read_classes() -> dict[str, OpClass]:
    table = read_op_table(TENSORFLOW_OPS)
    return {op: op_class for op_class in _CLASSES for op in table.get(op_class.name, ())}


def is_tensorflow_op(op: str) -> bool:
    """Whether an op is plain TensorFlow's: of 1.15, 2.15 or 2.21, without any other package.

    >>> is_tensorflow_op("MatMul"), is_tensorflow_op("CaseFoldUTF8")
    (True, False)
    """
    return op in _read_classes()


def classify_op(op: str) -> OpClass:
    """Return what an op can do.

    >>> classify_op("WriteFile").name, classify_op("MatMul").name, classify_op("CaseFoldUTF8").name
    ('writes files', 'computes', 'custom op')
    >>> classify_op("Unheard").name
    'unknown op'
    """
    known = _read_classes().get(op)
    if known is not None:
        return known
    provider = find_provider(op)
    if provider is None:
        return UNKNOWN
    has_files = provider.module in _PROVIDERS_WITH_FILES or _OPS_WITH_FILES.match(op)
    custom = CUSTOM_WITH_FILES if has_files else CUSTOM
    reason = custom.reason.format(package=provider.package or provider.module)
    return OpClass(custom.name, custom.severity, reason)


def list_ops(severity: str) -> list[str]:
    """Return the ops of TensorFlow whose class has this severity."""
    return [op for op, op_class in _read_classes().items() if op_class.severity == severity]


def calls_functions(op: str) -> bool:
    """Whether an op may have attributes that name functions. An op that TensorFlow lacks may have any."""
    return op in _read_calling_ops() or not is_tensorflow_op(op)


@functools.lru_cache(maxsize=None)
def _read_calling_ops() -> frozenset[str]:
    return frozenset(read_op_table(TENSORFLOW_OPS)[CALLS_FUNCTIONS])
