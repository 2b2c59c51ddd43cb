"""Retraining needs TensorFlow 2; what is tested of TensorFlow 1.15 is the error that it gives."""

from __future__ import annotations

import pytest
from saved_models import IS_TF1
from trajectories import all_trajectories

if IS_TF1:
    collect_ignore_glob = ["test_retrain*.py", "test_conversion.py", "test_features.py", "test_random_modules.py"]


@pytest.fixture(params=all_trajectories(), ids=lambda trajectory: f"{trajectory.module}-{trajectory.head}")
def trajectory(request):
    return request.param
