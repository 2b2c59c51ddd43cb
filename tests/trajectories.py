"""How TensorFlow 1.15 trained the modules of `data/legacy`. Fine-tuning has to have the same losses and weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from saved_models import LEGACY

_TRAINING = Path(__file__).parent / "data" / "legacy_training"


@dataclass(frozen=True)
class Trajectory:
    """A run of 20 steps of plain gradient descent, of a linear head on a module's features.

    The loss is `loss_kind` of the head's outputs, averaged over the batch, and the sum of the regularization losses.
    UPDATE_OPS run in each step, before the gradients are applied.
    """

    module: str
    head: str
    recipe: dict
    data: dict
    recorded: dict

    @property
    def path(self):
        return str(LEGACY / self.module)

    @property
    def tolerance(self):
        """The larger of 1e-5 and ten times what TensorFlow 1.15's own run moves by when its weights move by 1e-6."""
        return max(1e-5, 10 * max(self.recipe["sensitivity_1e6"].values()))

    def inputs(self, part, step=None):
        """Arrays by key of the recipe, a sparse one as (indices, values, dense_shape)."""
        arrays = {key.partition("/")[2]: value for key, value in self.data.items() if key.startswith(part + "/")}
        if step is not None:
            arrays = {key: value[step] for key, value in arrays.items()}
        parts = ("indices", "values", "dense_shape")
        sparse = {key.partition(".")[0] for key in arrays if key.endswith(".indices")}
        whole = {key: tuple(arrays[f"{key}.{part}"] for part in parts) for key in sparse}
        return {**{key: value for key, value in arrays.items() if key.partition(".")[0] not in sparse}, **whole}

    def final(self):
        return {key.partition("/")[2]: value for key, value in self.recorded.items() if key.startswith("final/")}

    def outputs(self, when):
        """Recorded outputs as (signature, output, value); `when` is "before" or "after"."""
        for key, value in self.recorded.items():
            if key.startswith(f"infer_{when}/"):
                _, signature, output = key.split("/", 2)
                yield signature, output, value


def _load_trajectory(module, head):
    directory = _TRAINING / module
    recipe = json.loads((directory / f"{head}.json").read_text())
    with np.load(directory / "data.npz") as data, np.load(directory / f"{head}.npz") as recorded:
        return Trajectory(module, head, recipe, dict(data), dict(recorded))


def load_trajectories():
    return [_load_trajectory(path.parent.name, path.stem) for path in sorted(_TRAINING.glob("*/*_head.json"))]


def with_each_trajectory(select=lambda trajectory: True):
    """Decorate a test to run with each trajectory that `select` is true for, as its argument `trajectory`."""
    selected = [trajectory for trajectory in load_trajectories() if select(trajectory)]
    ids = [f"{trajectory.module}-{trajectory.head}" for trajectory in selected]
    return pytest.mark.parametrize("trajectory", selected, ids=ids)
