"""Modules of `data/legacy_features`, one for each feature of TF1's graphs, trained in TF2 as TF 1.15 trained them."""

from __future__ import annotations

import numpy as np
import pytest
from legacy_features import FEATURES
from recorded_training import assert_trained_as_recorded

import rehub as hub

IN_FUNCTION = {"batch_norm_with_a_fed_mode", "cond_in_while", "dynamic_rnn", "tables", "while_with_tensor_arrays"}


@pytest.mark.parametrize("name", sorted(path.stem for path in FEATURES.glob("*.npz")))
@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices:UserWarning")
def test_a_feature_is_trained_as_by_tf_1_15(name):
    with np.load(FEATURES / f"{name}.npz") as file:
        recorded = dict(file)
    assert_trained_as_recorded(hub.load(str(FEATURES / name)), recorded, name in IN_FUNCTION)
