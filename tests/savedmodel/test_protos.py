from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
from pathlib import Path

import pytest
import saved_models  # noqa: F401  TensorFlow is imported there without its warnings
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor

import rehub
from rehub import tf_internals
from rehub.savedmodel import protos
from rehub.savedmodel.protos import ENUMS, MESSAGES, Field

TYPES = {value: name[5:].lower() for name, value in vars(FieldDescriptor).items() if name.startswith("TYPE_")}


def reachable(descriptor, found):
    """The descriptors of a message and all that can be in it, by name."""
    if descriptor.full_name not in found:
        found[descriptor.full_name] = descriptor
        for field in descriptor.fields:
            if field.message_type is not None:
                reachable(field.message_type, found)
    return found


def short(name):
    return name[len("tensorflow.") :] if name.startswith("tensorflow.") else name


def is_repeated(field):
    # The newest protobuf has `label` no more, and the older ones no `is_repeated`.
    return bool(field.is_repeated) if hasattr(field, "is_repeated") else field.label == FieldDescriptor.LABEL_REPEATED


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def expected(owner, field):
    """The field as the table is to have it."""
    if is_map(field):
        kind = f"an entry of {owner}.{field.name}"
    elif field.message_type is not None:
        kind = short(field.message_type.full_name)
    elif field.enum_type is not None:
        kind = short(field.enum_type.full_name)
    else:
        kind = TYPES[field.type]
    group = field.containing_oneof.name if field.containing_oneof is not None else ""
    return Field(field.name, field.number, kind, is_repeated(field), is_map(field), group)


def test_each_field_of_this_tensorflow_is_in_the_table():
    found = reachable(tf_internals.protos.new_saved_model().DESCRIPTOR, {})
    assert len(found) > 60
    for descriptor in found.values():
        owner = short(descriptor.full_name)
        for field in descriptor.fields:
            if descriptor.GetOptions().map_entry:
                continue
            assert MESSAGES[owner][field.name] == expected(owner, field)
            if is_map(field):
                entry = MESSAGES[f"an entry of {owner}.{field.name}"]
                for part in field.message_type.fields:
                    assert entry[part.name] == expected("", part)


def test_each_value_of_an_enum_of_this_tensorflow_is_in_the_table():
    for descriptor in reachable(tf_internals.protos.new_saved_model().DESCRIPTOR, {}).values():
        for field in descriptor.fields:
            if field.enum_type is not None:
                for value in field.enum_type.values:
                    assert ENUMS[short(field.enum_type.full_name)][value.name] == value.number


for module in ("protobuf.fingerprint_pb2", "protobuf.tensor_bundle_pb2", "framework.tensor_slice_pb2"):
    with contextlib.suppress(ImportError):  # TensorFlow 1.15 has no fingerprints.
        importlib.import_module(f"tensorflow.core.{module}")


@pytest.mark.parametrize("name", sorted(set(protos._ALL_MESSAGES) - set(MESSAGES)))
def test_fields_of_other_messages_are_those_of_this_tensorflow(name):
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(f"tensorflow.{name}")
    except KeyError:
        pytest.skip("this message is not one of TensorFlow's, or nothing has imported it")
    for field in protos._ALL_MESSAGES[name].values():
        # Versions of TensorFlow differ in the name of the only oneof.
        assert field == dataclasses.replace(expected(name, descriptor.fields_by_name[field.name]), group="")


def test_each_field_number_that_is_asked_for_exists():
    checked = 0
    for file in Path(rehub.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imported = {
            each.asname or each.name: each.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "rehub.savedmodel.protos"
            for each in node.names
        }
        for node in ast.walk(tree):
            owner = node.value if isinstance(node, ast.Attribute) else None
            name = imported.get(owner.id) if isinstance(owner, ast.Name) else None
            if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id == "protos":
                name = owner.attr
            numbers = getattr(protos, name or "", None)
            if isinstance(numbers, protos.FieldNumbers):
                assert isinstance(getattr(numbers, node.attr), int), (file, node.lineno)
                checked += 1
    assert checked > 100
