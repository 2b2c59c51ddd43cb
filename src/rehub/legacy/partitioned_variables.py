"""A module's variables by their names in it. The parts of a partitioned variable are joined in a list."""

from __future__ import annotations

from typing import Any, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule


def recover_partitioned_variable_map(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Join the parts of partitioned variables, which are separate variables in a graph.

    Args:
        variables: variables by name. The name of a part ends in "/part_" and its number.

    Returns:
        Variables by name; for a partitioned variable, the list of its parts in order.

    Raises:
        InvalidModule: a name is that of a whole variable and of a partitioned one, or parts overlap.
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
            raise InvalidModule(f"Variable {name!r} is recorded as a part of {full_name!r}, but its name is different.")
        if offset in parts.setdefault(whole, {}):
            raise InvalidModule(f"Two parts of the partitioned variable {whole!r} begin at {list(offset)}.")
        parts[whole][offset] = variable
    for whole, by_offset in parts.items():
        if whole in joined:
            raise InvalidModule(f"Variable {whole!r} exists both as a whole and in parts.")
        joined[whole] = [variable for _, variable in sorted(by_offset.items(), key=lambda item: item[0])]
    return joined
