"""A module's variables by their names in it: the parts of a partitioned one together."""

from __future__ import annotations

from typing import Any, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule


def recover_partitioned_variable_map(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Joins the parts of partitioned variables, which are variables of their own in a graph.

    Args:
        variables: by name; a part's name ends in "/part_" and its number.

    Returns:
        A variable by its name, or a list of the parts, in order, by the name of the partitioned variable.

    Raises:
        InvalidModule: a name stands for a whole variable and for a partitioned one, or parts overlap.
    """
    parts: dict[str, dict[tuple[int, ...], Any]] = {}
    joined: dict[str, Any] = {}
    for name, variable in variables.items():
        part = tf_internals.variables.partition_of(variable)
        if part is None:
            joined[name] = variable
            continue
        full_name, offset = part
        whole = name.rpartition("/")[0]
        if not full_name.endswith(whole):
            raise InvalidModule(f"Variable {name!r} says that it is a part of {full_name!r}, which is not its name.")
        if offset in parts.setdefault(whole, {}):
            raise InvalidModule(f"Two parts of the partitioned variable {whole!r} begin at {list(offset)}.")
        parts[whole][offset] = variable
    for whole, by_offset in parts.items():
        if whole in joined:
            raise InvalidModule(f"Variable {whole!r} is there as a whole and in parts.")
        joined[whole] = [variable for _, variable in sorted(by_offset.items(), key=lambda item: item[0])]
    return joined
