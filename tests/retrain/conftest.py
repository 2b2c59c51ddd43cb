"""Retraining needs TensorFlow 2; what is tested of TensorFlow 1.15 is the error that it gives."""

from __future__ import annotations

import pytest
from saved_models import IS_TF1, LEGACY
from trajectories import all_trajectories

import rehub as hub

if IS_TF1:
    collect_ignore_glob = ["test_retrain*.py", "test_conver*.py", "test_features.py", "test_random_modules.py"]


@pytest.fixture(params=all_trajectories(), ids=lambda trajectory: f"{trajectory.module}-{trajectory.head}")
def trajectory(request):
    return request.param


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """Converts a module of tests/data once, and returns where the conversion is."""
    paths = {}

    def convert_once(name):
        if name not in paths:
            paths[name] = str(tmp_path_factory.mktemp("converted") / name)
            hub.convert(str(LEGACY / name), paths[name])
        return paths[name]

    return convert_once
