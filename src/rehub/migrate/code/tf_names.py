"""How names of TensorFlow 1.15 are spelled in TensorFlow 2 with the same meaning.

Read off the public names of TensorFlow 1.15.5 and 2.21: a name is unchanged if both modules hold the same object.
"""

from __future__ import annotations

from rehub.migrate.code.tf_name_tables import (
    COMPAT_MODULES,
    COMPAT_TEXT,
    NEW_WORDS,
    RENAMED_TEXT,
    SAME_ARGUMENTS_TEXT,
    UNCHANGED_TEXT,
)
from rehub.migrate.code.tf_op_tables import IMPURE, OP_MODULES, OTHER_NUMBERS, RANDOM, SEVERAL_OUTPUTS


def _read_groups(text: str) -> frozenset[str]:
    names, module = set(), ""
    for word in text.split():
        if word.endswith(":"):
            module = "" if word == "tf:" else word[:-1] + "."
        else:
            names.add(module + word)
    return frozenset(names)


def _read_same_arguments(text: str) -> dict[str, tuple[list[str], list[str]]]:
    found: dict[str, tuple[list[str], list[str]]] = {}
    positional: list[str] = []
    for line in text.strip().splitlines():
        signature, colon, names = line.rpartition(":")
        if colon:
            before, _, after = signature.partition("*")
            positional, named = before.split(), before.split() + after.split()
        found.update((name, (positional, named)) for name in names.split())
    return found


UNCHANGED = _read_groups(UNCHANGED_TEXT)
COMPAT = _read_groups(COMPAT_TEXT)
RENAMED = dict(pair.split("=") for pair in RENAMED_TEXT.split())
SAME_ARGUMENTS = _read_same_arguments(SAME_ARGUMENTS_TEXT)


def is_known(name: str) -> bool:
    """Tell whether the newest TensorFlow has this name of TensorFlow 1, under `tf` or `tf.compat.v1`."""
    return (
        name in UNCHANGED
        or name in COMPAT
        or name in RENAMED
        or name in SAME_ARGUMENTS
        or _module_of(name) in COMPAT_MODULES
    )


def is_op(name: str) -> bool:
    """Tell whether a call computes a tensor from its arguments, with no other effect. Random ops count."""
    return (
        is_known(name)
        and _module_of(name) in {"", *OP_MODULES}
        and name not in IMPURE
        and (name.rpartition(".")[2][0].islower() or name == "Print")
    )


def is_random(name: str) -> bool:
    """Tell whether each run of this op gives other numbers."""
    return name in RANDOM


def has_several_outputs(name: str) -> bool:
    """Tell whether an op returns a tuple or a list of tensors."""
    return name.rpartition(".")[2] in SEVERAL_OUTPUTS and not name.startswith("strings.")


def gives_other_numbers(name: str) -> bool:
    """Tell whether TensorFlow 2 has an op of this name that computes something else."""
    return name in OTHER_NUMBERS


def spell(name: str, positional: int = 0, named: tuple[str, ...] = ()) -> str:
    """Return the name, after `tf.`, that means in TensorFlow 2 what `name` means in TensorFlow 1.

    Args:
        name: without `tf.`.
        positional: how many arguments a call gives by position.
        named: the names of the others.
    """
    if name in UNCHANGED:
        return name
    if name in RENAMED:
        return RENAMED[name]
    if name in SAME_ARGUMENTS:
        allowed, words = SAME_ARGUMENTS[name]
        if positional <= len(allowed) and all(word in words for word in named):
            return name
    return "compat.v1." + name


def respell_arguments(name: str, positional: int, named: tuple[str, ...]) -> dict[str, str]:
    """Return the words for arguments to change, if with them the name itself can stay."""
    changes = {word: NEW_WORDS[word] for word in named if word in NEW_WORDS}
    respelled = tuple(changes.get(word, word) for word in named)
    if changes and len(set(respelled)) == len(named) and spell(name, positional, respelled) == name:
        return changes
    return {}


def _module_of(name: str) -> str:
    return name.rpartition(".")[0]


def modules() -> frozenset[str]:
    """Return the names of TensorFlow's modules that have ops."""
    return OP_MODULES | frozenset(COMPAT_MODULES)


def is_compat_module(name: str) -> bool:
    """Tell whether TensorFlow 2 has a module in `tf.compat.v1` only, or with other contents elsewhere."""
    return name in COMPAT_MODULES
