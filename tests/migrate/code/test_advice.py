"""The code that is advised runs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rehub.migrate.code.advice import find_contrib_replacement, write_advice
from rehub.migrate.code.rules import RULES

MODULES = Path(__file__).parents[2] / "data" / "legacy"
WITH_CODE = [rule.code for rule in RULES if write_advice(rule.code)]


@pytest.mark.parametrize("rule", WITH_CODE)
def test_the_advice_is_python(rule):
    ast.parse(write_advice(rule))
    assert "$" not in write_advice(rule)


def test_every_rule_of_kind_c_has_advice():
    assert {rule.code for rule in RULES if rule.kind == "c"} - set(WITH_CODE) == {"RH305"}


@pytest.mark.parametrize(
    ("name", "replacement"),
    [
        ("layers.dropout", "tf.keras.layers.Dropout(1 - keep_prob)"),
        ("slim.nets.resnet_v1", "tf_slim (pip install tf_slim)"),
        ("unheard_of", ""),
    ],
)
def test_the_longest_name_of_contrib_counts(name, replacement):
    assert find_contrib_replacement(name) == replacement
