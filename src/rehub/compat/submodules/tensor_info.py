"""tensorflow_hub.tensor_info: comparison of signatures."""

from __future__ import annotations

from typing import Any, Mapping

from rehub.legacy.tensor_info import parse_tensor_info_map


def tensor_info_proto_maps_match(map_a: Mapping[str, Any], map_b: Mapping[str, Any]) -> bool:
    """Return whether two maps of inputs or outputs have the same names, kinds, dtypes and shapes."""
    specs = [
        {name: info.type_spec for name, info in parse_tensor_info_map(protomap).items()} for protomap in (map_a, map_b)
    ]
    return specs[0] == specs[1]
