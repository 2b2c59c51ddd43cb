"""Names of a signature's inputs that TensorFlow cannot call a function by, and other names for them.

A SavedModel of TF1 names inputs as it likes: "class", "from", "a-b" beside "a_b". TensorFlow makes parameters of Python
of them.
"""

from __future__ import annotations

import itertools
import keyword
from typing import Iterable


def can_be_called_by(names: Iterable[str]) -> bool:
    """Whether TensorFlow calls a function with inputs of these names rightly.

    Its parameters are the names without what Python does not allow in one. They have to be valid, to differ, and to be
    in the order of the names: TensorFlow sorts inputs by either, and confuses them else.
    """
    in_order = sorted(names)
    parameters = [_without_forbidden_characters(name) for name in in_order]
    are_valid = all(in_order) and all(map(_is_parameter, parameters))  # TensorFlow fails on an empty name.
    return are_valid and parameters == sorted(set(parameters))


def parameter_names(names: Iterable[str]) -> dict[str, str]:
    """Returns a valid parameter for each name, all different, of letters that ops may have in their names.

    A name that is valid stays as it is.

    >>> parameter_names(["class", "a-b", "a_b"])
    {'a_b': 'a_b', 'a-b': 'a_b_', 'class': 'class_'}
    """
    given = sorted(names)  # So that it does not depend on their order.
    found = {name: name for name in given if name.isascii() and name[:1].isalpha() and _is_parameter(name)}
    taken = set(found.values())
    for name in given:
        if name not in found:
            stem = _without_forbidden_characters("".join(c if c.isascii() else "_" for c in name))
            candidates = itertools.chain((stem, f"{stem}_"), (f"{stem}_{number}" for number in itertools.count(1)))
            found[name] = next(each for each in candidates if _is_parameter(each) and each not in taken)
            taken.add(found[name])
    return found


def _without_forbidden_characters(name: str) -> str:
    """The parameter that TensorFlow makes of a name (core/function/polymorphism/function_type.py,
    sanitize_arg_name).
    """
    replaced = "".join(character if character.isalnum() else "_" for character in name)
    return replaced if replaced[:1].isalpha() else f"arg_{replaced}"


def _is_parameter(name: str) -> bool:
    # TensorFlow's methods call their first argument "self".
    return name.isidentifier() and not keyword.iskeyword(name) and name != "self"
