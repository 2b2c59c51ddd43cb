"""Bases of feature columns."""

from __future__ import annotations

from typing import Any


def dense_column_classes() -> tuple[type, ...]:
    """The classes that a column of dense values has to extend: for the functions of TF1, and for those since."""
    # Neither has a public name. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.feature_column import feature_column, feature_column_v2

    return feature_column._DenseColumn, feature_column_v2.DenseColumn


def is_trainable_state(state_manager: Any) -> bool:
    """Whether the layer that a feature column keeps its state in is trainable."""
    # Seen in 1.15, 2.15, 2.21.
    return bool(state_manager._trainable)
