"""The rules of `rehub migrate`: their codes, what they are about, and whether they change the program."""

from __future__ import annotations

import re
from dataclasses import dataclass

_IGNORED = re.compile(r"#\s*rehub:\s*ignore(?:\[([\w\s,]*)\])?")


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        code: such as "RH101".
        title: what it finds or changes.
        kind: "a": changed by `--write`; "b": changed by `--write --notes`, with a comment on what to check;
            "c": reported with code to write by hand; "note": worth knowing, nothing to do. Of a rule with two
            kinds, such as "a, b", each finding has one.
    """

    code: str
    title: str
    kind: str


RULES = (
    Rule("RH001", "Imports of tensorflow_hub import rehub", "a"),
    Rule("RH101", "hub.Module becomes hub.load", "a"),
    Rule("RH102", "Sessions, graphs, initializers and scopes are removed; what they ran becomes eager", "a"),
    Rule("RH103", "Placeholders and feed_dict become a function with arguments", "a"),
    Rule("RH104", "Sessions in globals and closures are removed", "b"),
    Rule("RH105", "One-shot iterators become loops over the dataset", "b"),
    Rule("RH106", "Random ops become functions, which draw at each call", "b"),
    Rule("RH107", "Sparse placeholders, and signatures without inputs", "a"),
    Rule("RH108", "eval_function_for_module, get_input_info_dict, image sizes", "a, b"),
    Rule("RH109", "TF1 names; ops whose meaning has changed keep the old one through tf.compat.v1", "a, b"),
    Rule("RH201", "A Keras Lambda keeps its function, which calls what hub.load returns", "a"),
    Rule("RH202", "A Lambda or Layer around a module becomes hub.KerasLayer", "b"),
    Rule("RH203", "hub.KerasLayer of tensorflow_hub 0.5 and newer", "a"),
    Rule("RH301", "A training loop uses a GradientTape, also with changed gradients and learning rates", "b"),
    Rule("RH302", "Update ops and the graph variant for training", "c"),
    Rule("RH303", "model_fn of an Estimator", "c"),
    Rule("RH304", "Canned Estimators and feature columns; those over text columns become Keras models", "b, c"),
    Rule("RH305", "tf.contrib, which TensorFlow 2 does not have", "c"),
    Rule("RH306", "Checkpoints of tf.train.Saver; rewritten if the program trains and saves", "b, c"),
    Rule("RH307", "simple_save and frozen graphs", "c"),
    Rule("RH308", "Publishing modules", "c"),
    Rule("RH309", "Functions that return tensors of the caller's graph", "c"),
    Rule("RH310", "Sparse tensors that a session fetches", "c"),
    Rule("RH401", "--to compat: TF1 code runs with tf.compat.v1", "a"),
    Rule("RH501", "A legacy module with a newer version that is a TF2 SavedModel", "note"),
    Rule("RH502", "Pins of tensorflow-hub and tensorflow; changed in notebooks", "a, note"),
    Rule("RH503", "TFHUB_* variables, which rehub reads, too", "note"),
)

RULE_BY_CODE = {rule.code: rule for rule in RULES}


def matches_any(code: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a rule's code is, or starts with, one of these: "RH3" means RH301 to RH310."""
    return any(code.startswith(pattern) for pattern in patterns)


def is_ignored(line: str, rule: str) -> bool:
    """Return whether a comment in a line says to leave a rule out there."""
    match = _IGNORED.search(line)
    if match is None or match.group(1) is None:
        return match is not None
    return matches_any(rule, tuple(re.findall(r"\w+", match.group(1))))
