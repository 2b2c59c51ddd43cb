from __future__ import annotations

import saved_models  # noqa: F401  TensorFlow is imported there without its warnings
from google.protobuf.descriptor import FieldDescriptor

from rehub import tf_internals
from rehub.savedmodel.encodings.schema import Field, enums, messages

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
    table = messages()
    found = reachable(tf_internals.protos.new_saved_model().DESCRIPTOR, {})
    assert len(found) > 60
    for descriptor in found.values():
        owner = short(descriptor.full_name)
        for field in descriptor.fields:
            if descriptor.GetOptions().map_entry:
                continue
            assert table[owner][field.name] == expected(owner, field)
            if is_map(field):
                entry = table[f"an entry of {owner}.{field.name}"]
                for part in field.message_type.fields:
                    assert entry[part.name] == expected("", part)


def test_each_value_of_an_enum_of_this_tensorflow_is_in_the_table():
    table = enums()
    for descriptor in reachable(tf_internals.protos.new_saved_model().DESCRIPTOR, {}).values():
        for field in descriptor.fields:
            if field.enum_type is not None:
                for value in field.enum_type.values:
                    assert table[short(field.enum_type.full_name)][value.name] == value.number
