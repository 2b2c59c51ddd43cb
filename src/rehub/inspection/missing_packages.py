"""What a model's ops need beside TensorFlow."""

from __future__ import annotations

from typing import Iterable

from rehub.inspection.model_info import MissingPackage
from rehub.savedmodel.ops import provider_of
from rehub.savedmodel.ops.op_classes import is_tensorflow_op

_UNKNOWN = (
    "No known package brings it, and no TensorFlow up to 2.21: an op of somebody's own is there after "
    "tf.load_op_library(...), and one of a newer TensorFlow with that."
)


def missing_packages(ops: Iterable[str]) -> tuple[MissingPackage, ...]:
    """Returns the packages that bring the ops which plain TensorFlow lacks, sorted by name."""
    brought: dict[tuple[str, str], list[str]] = {}
    for op in sorted(set(ops)):
        provider = provider_of(op)
        if provider is not None:
            brought.setdefault((provider.package, provider.note), []).append(op)
        elif not is_tensorflow_op(op):
            brought.setdefault(("", _UNKNOWN), []).append(op)
    return tuple(MissingPackage(tuple(names), package, note) for (package, note), names in sorted(brought.items()))
