"""The packages that a model's ops need besides TensorFlow."""

from __future__ import annotations

from typing import Iterable

from rehub.inspection.model_info import MissingPackage
from rehub.savedmodel.ops import find_provider
from rehub.savedmodel.ops.op_classes import is_tensorflow_op

_UNKNOWN = (
    "Neither TensorFlow up to 2.21 nor a known package has it. For a custom op, call tf.load_op_library(...) first; it "
    "may also need a newer TensorFlow."
)


def find_missing_packages(ops: Iterable[str]) -> tuple[MissingPackage, ...]:
    """Return the packages that provide the ops which TensorFlow lacks, sorted by name."""
    provided: dict[tuple[str, str], list[str]] = {}
    for op in sorted(set(ops)):
        provider = find_provider(op)
        if provider is not None:
            provided.setdefault((provider.package, provider.note), []).append(op)
        elif not is_tensorflow_op(op):
            provided.setdefault(("", _UNKNOWN), []).append(op)
    return tuple(MissingPackage(tuple(names), package, note) for (package, note), names in sorted(provided.items()))
