"""Feature columns: their base classes, and where they keep state."""

from __future__ import annotations

from typing import Any


def dense_column_classes() -> tuple[type, ...]:
    """Return the base classes of a column of dense values: for the functions of TF1, and for newer ones."""
    # Neither has a public name. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.feature_column import feature_column, feature_column_v2

    return feature_column._DenseColumn, feature_column_v2.DenseColumn


def is_trainable_state(state_manager: Any) -> bool:
    """Whether the layer that keeps a feature column's state is trainable."""
    # Seen in 1.15, 2.15, 2.21.
    return bool(state_manager._trainable)
