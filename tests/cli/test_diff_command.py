"""`rehub diff`: what it prints, and what it ends with."""

from __future__ import annotations

import json
import re
import shutil
import sys

import pytest

tf = pytest.importorskip("tensorflow", reason="the models to compare are made by TensorFlow")

import saved_models  # noqa: E402  It imports TensorFlow.


class Changed(saved_models.Scale):
    """Scale with a variable and a function of its own."""

    def __init__(self, w, dtype=tf.float32):
        super().__init__()
        self.w.assign([w])
        self.only = tf.Variable([1, 2], dtype=dtype, name="only")

    @tf.function(input_signature=[saved_models.FLOATS])
    def more(self, x):
        return tf.exp(x)


def save(module, directory):
    tf.saved_model.save(module, str(directory), signatures=module.scale)
    return directory


def test_diff_of_equal_models_exits_with_0(rehub, tmp_path):
    model = saved_models.save_shift(tmp_path / "1")
    shutil.copytree(model, str(tmp_path / "2"))
    ran = rehub("diff", model, tmp_path / "2")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "no differences",
        "variables: 3 equal, with 3 numbers; 0 different; pairs found: 3 by checkpoint key",
    ]


def test_diff_prints_differences_and_exits_with_1(rehub, tmp_path):
    before, after = save(saved_models.Scale(), tmp_path / "1"), save(Changed(2.0), tmp_path / "2")
    ran = rehub("diff", before, after)
    assert (ran.code, ran.err) == (1, "")
    lines = ran.out.splitlines()
    assert "+ function more: (x)" in lines
    assert not [line for line in lines if line.startswith("+ function more, trace")]
    assert any(line.startswith("+ ops: ") and "Exp 1" in line for line in lines)
    assert re.fullmatch(r"differences: functions 1, ops \d, variables 2", lines[0])
    assert lines[1] == "variables: 0 equal, with 0 numbers; 2 different; pairs found: 1 by checkpoint key"
    assert lines[-3:] == [
        "variables:",
        "~ variable w (Variable): float32[1], 1 of 1 values differ, by 1 at most, and 0.333 of their size",
        "+ variable only: float32[2]",
    ]
    assert rehub("diff", before, after, "--stat").out.splitlines() == lines[:2]


def test_values_are_not_compared_without_numpy(rehub, tmp_path, monkeypatch):
    before, after = save(saved_models.Scale(), tmp_path / "1"), save(Changed(2.0), tmp_path / "2")
    monkeypatch.setitem(sys.modules, "numpy", None)  # As if it were not installed.
    ran = rehub("diff", before, after)
    assert (ran.code, ran.err) == (1, "")
    assert "is read into an array of NumPy: pip install numpy" in ran.out


class Large(saved_models.Scale):
    """Scale with thirty variables more."""

    def __init__(self):
        super().__init__()
        self.more = [tf.Variable(float(i), name=f"more_{i}") for i in range(30)]


def test_a_group_is_cut_at_20_lines_without_all(rehub, tmp_path):
    before, after = save(saved_models.Scale(), tmp_path / "1"), save(Large(), tmp_path / "2")
    lines = rehub("diff", before, after).out.splitlines()
    variables = lines[lines.index("variables:") + 1 :]
    assert len(variables) == 21
    assert variables[-1] == "and 10 more: --all"
    whole = rehub("diff", before, after, "--all").out.splitlines()
    assert len(whole[whole.index("variables:") + 1 :]) == 30


def test_a_changed_type_is_printed(rehub, tmp_path):
    before, after = save(Changed(3.0), tmp_path / "1"), save(Changed(3.0, tf.float64), tmp_path / "2")
    assert "~ variable only: float32[2] -> float64[2], equal values" in rehub("diff", before, after).out.splitlines()


def test_diff_prints_json(rehub, tmp_path):
    before, after = save(saved_models.Scale(), tmp_path / "1"), save(Changed(2.0), tmp_path / "2")
    ran = rehub("diff", before, after, "--json")
    assert ran.code == 1
    difference = json.loads(ran.out)
    assert {"what": "function more", "before": None, "after": "(x)"} in difference["facts"]
    changed, added = difference["variables"]
    assert changed["before"]["path"] == changed["after"]["path"] == "w"
    assert changed["values"]["changed"] == 1
    assert (added["before"], added["after"]["path"]) == (None, "only")
    assert (difference["equal_variables"], difference["matched"]) == (0, {"checkpoint key": 1})


def test_diff_of_an_unreadable_model_exits_with_2(rehub, tmp_path):
    ran = rehub("diff", saved_models.save_shift(tmp_path / "1"), tmp_path / "none")
    assert (ran.code, ran.out) == (2, "")
    assert "none" in ran.err
