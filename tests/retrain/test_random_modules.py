"""Random modules, made and trained by `data/legacy_fuzz/make.py` in TF 1.15, are trained equally in TF2.

To try more of them, make a file with another seed, and name it in REHUB_RANDOM_MODULES.
"""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from recorded_training import assert_trained_as_recorded

import rehub as hub

MODULES = os.environ.get(
    "REHUB_RANDOM_MODULES", str(Path(__file__).parents[1] / "data" / "legacy_fuzz" / "modules.zip")
)


def names():
    with zipfile.ZipFile(MODULES) as archive:
        return [name[: -len(".npz")] for name in archive.namelist() if name.endswith(".npz")]


@pytest.mark.parametrize("name", names())
@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices:UserWarning")
def test_a_random_module_is_trained_as_by_tf_1_15(name, tmp_path):
    with zipfile.ZipFile(MODULES) as archive:
        archive.extractall(tmp_path, [file for file in archive.namelist() if file.startswith(name + "/")])
        with np.load(io.BytesIO(archive.read(name + ".npz"))) as file:
            recorded = dict(file)
    number = int(name.partition("-")[0])
    assert_trained_as_recorded(hub.load(str(tmp_path / name)), recorded, number % 4 == 0, tolerance=1e-4)
