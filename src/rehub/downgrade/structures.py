"""What functions take and return, as TensorFlow 1.15 can decode it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rehub.savedmodel.protos import ENUMS

_TYPES_OF_1_15 = frozenset(number for name, number in ENUMS["TypeSpecProto.TypeSpecClass"].items() if 1 <= number <= 8)


def rewrite_structures(metagraph: Any, changes: Counter[str]) -> dict[str, str]:
    """Change the structures of functions that TensorFlow 1.15 cannot decode.

    Bounds of specs are dropped, as they are not checked. Arguments that have a tensor as their default have none.

    Args:
        metagraph: a MetaGraphDef.
        changes: gets what was changed.

    Returns:
        Why TensorFlow 1.15 cannot have some functions, by their names: they take or return an object of a class that
        it does not know, such as a distribution.
    """
    objects = metagraph.object_graph_def
    problems: dict[str, str] = {}
    for name, function in objects.concrete_functions.items():
        structures = [function.canonicalized_input_signature, function.output_signature]
        unknown = [each for structure in structures for each in _rewrite_structure(structure, changes)]
        if unknown:
            problems[name] = f"it takes or returns a {unknown[0]}"
    for node in objects.nodes:
        if node.WhichOneof("kind") == "function":
            spec = node.function.function_spec
            unknown = [
                *_rewrite_structure(spec.fullargspec, changes),
                *_rewrite_structure(spec.input_signature, changes),
            ]
            # 1.15 refuses keyword-only arguments beside an input signature: eager/function.py, FunctionSpec.
            if unknown or _has_keyword_only_arguments(spec):
                spec.input_signature.none_value.SetInParent()
    return problems


def _has_keyword_only_arguments(spec: Any) -> bool:
    fields = {pair.key: pair.value for pair in spec.fullargspec.named_tuple_value.values}
    return "kwonlyargs" in fields and len(fields["kwonlyargs"].list_value.values) > 0


def _rewrite_structure(structure: Any, changes: Counter[str]) -> list[str]:
    """Change a StructuredValue; return the names of the classes in it that 1.15 does not know."""
    kind = structure.WhichOneof("kind")
    parts = _list_parts(structure)
    if parts:
        return [name for each in parts for name in _rewrite_structure(each, changes)]
    if kind == "type_spec_value" and structure.type_spec_value.type_spec_class not in _TYPES_OF_1_15:
        return [structure.type_spec_value.type_spec_class_name]
    if kind == "type_spec_value":
        return _rewrite_structure(structure.type_spec_value.type_state, changes)
    if kind == "bounded_tensor_spec_value":
        spec = structure.bounded_tensor_spec_value
        name, dtype, shape = spec.name, spec.dtype, spec.shape.SerializeToString()
        structure.tensor_spec_value.name = name
        structure.tensor_spec_value.dtype = dtype
        structure.tensor_spec_value.shape.ParseFromString(shape)
        changes["bounds of an argument: none"] += 1
    if kind in ("tensor_value", "numpy_value"):
        structure.none_value.SetInParent()
        changes["tensor as the default of an argument: none"] += 1
    return []


def _list_parts(structure: Any) -> list[Any]:
    """Return the members of a list, tuple, dict or namedtuple; nothing for any other StructuredValue."""
    return [
        *structure.list_value.values,
        *structure.tuple_value.values,
        *structure.dict_value.fields.values(),
        *(pair.value for pair in structure.named_tuple_value.values),
    ]
