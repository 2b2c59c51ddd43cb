"""Retraining needs TensorFlow 2; its error in TensorFlow 1.15 is tested elsewhere."""

from __future__ import annotations

from conversions import converted  # noqa: F401  A fixture.
from saved_models import IS_TF1

if IS_TF1:
    collect_ignore_glob = ["test_*.py"]
