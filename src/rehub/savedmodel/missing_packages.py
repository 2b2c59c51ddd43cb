"""What a model's ops need beside TensorFlow."""

from __future__ import annotations

from typing import Iterable

from rehub.savedmodel.model_info import MissingPackage
from rehub.savedmodel.ops import provider_of


def missing_packages(ops: Iterable[str]) -> tuple[MissingPackage, ...]:
    """Returns the packages that bring the ops which plain TensorFlow lacks, sorted by name."""
    brought: dict[tuple[str, str], list[str]] = {}
    for op in sorted(set(ops)):
        provider = provider_of(op)
        if provider is not None:
            brought.setdefault((provider.package, provider.note), []).append(op)
    return tuple(MissingPackage(tuple(names), package, note) for (package, note), names in sorted(brought.items()))
