"""Which ops and attributes a TensorFlow lacks that newer ones have: of 1.15, and of 2.1 to 2.21."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Mapping, Tuple

from rehub.savedmodel.ops.op_tables import NEWER_OPS, read_op_table

Version = Tuple[int, int]
_KINDS = ("ops", "attributes")


@dataclass(frozen=True)
class NewerOps:
    """What a TensorFlow lacks that newer ones have.

    Attributes:
        attributes: by op, its attributes, each with its default as "field:value" of AttrValue: "b:0", "f:1.0".
    """

    ops: frozenset[str]
    attributes: Mapping[str, Mapping[str, str]]


def version_of_op(op: str) -> Version:
    """Return the oldest TensorFlow of 1.15, and 2.1 to 2.21, that has an op; 1.15 also for an op of another package.

    >>> version_of_op("MatMul"), version_of_op("DenseBincount")
    ((1, 15), (2, 3))
    """
    return next((version for (kind, version), words in _read_table().items() if kind == "ops" and op in words), (1, 15))


def newer_attributes(op: str) -> Mapping[str, tuple[Version, str]]:
    """Return, for each attribute of an op that 1.15 lacks, the oldest TensorFlow with it, and its default.

    >>> newer_attributes("FusedBatchNormV3")
    {'exponential_avg_factor': ((2, 2), 'f:1.0')}
    """
    return _read_attributes().get(op, {})


@functools.lru_cache(maxsize=None)
def _read_attributes() -> dict[str, dict[str, tuple[Version, str]]]:
    found: dict[str, dict[str, tuple[Version, str]]] = {}
    for (kind, since), words in _read_table().items():
        for word in words if kind == "attributes" else ():
            name, _, default = word.partition("=")
            op, _, attribute = name.rpartition(".")
            found.setdefault(op, {})[attribute] = since, default
    return found


@functools.lru_cache(maxsize=None)
def find_newer_ops(version: Version) -> NewerOps:
    """Return what a TensorFlow lacks that newer ones have, as far as 1.15, and 2.1 to 2.21, differ.

    >>> find_newer_ops((1, 15)).attributes["FusedBatchNormV3"]
    {'exponential_avg_factor': 'f:1.0'}
    >>> sorted(find_newer_ops((2, 15)).attributes["MatMul"])
    ['grad_a', 'grad_b']
    """
    sections = _read_table().items()
    ops = [op for (kind, since), words in sections if kind == "ops" and since > version for op in words]
    attributes = {
        op: {name: default for name, (since, default) in known.items() if since > version}
        for op, known in _read_attributes().items()
    }
    return NewerOps(frozenset(ops), {op: lacking for op, lacking in attributes.items() if lacking})


@functools.lru_cache(maxsize=None)
def _read_table() -> dict[tuple[str, Version], frozenset[str]]:
    table = {}
    for heading, words in read_op_table(NEWER_OPS).items():
        kind, _, version = heading.split()
        major, minor = map(int, version.split("."))
        assert kind in _KINDS, heading
        table[kind, (major, minor)] = frozenset(words)
    return table
