"""hub.convert needs TensorFlow 2, unless it rewrites a newer model."""

from __future__ import annotations

from conversions import converted  # noqa: F401  A fixture.
from saved_models import IS_TF1

if IS_TF1:
    collect_ignore = ["test_conversion.py", "test_converted_models.py"]
