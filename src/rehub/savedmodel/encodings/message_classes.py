"""Classes of the messages in a SavedModel, made by the installed `protobuf` from the tables in `protos`.

The descriptors are in a pool of our own: TensorFlow is not needed, and its generated code not touched.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from rehub.savedmodel.protos import ENUMS, MESSAGES, Field

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

_PACKAGE = "tensorflow"
_ANY = "google.protobuf.Any"
_FILE, _ANY_FILE = "saved_model.proto", "any.proto"
_LABEL_OPTIONAL, _LABEL_REPEATED, _TYPE_MESSAGE, _TYPE_ENUM = 1, 3, 11, 14
_SCALAR_TYPES = {  # From FieldDescriptorProto.Type in descriptor.proto.
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7, "bool": 8, "string": 9,
    "bytes": 12, "uint32": 13, "sint64": 18,
}  # fmt: skip


def message_class(name: str) -> Any:
    """Return the class of a message, by its name in the package `tensorflow`; needs protobuf.

    It keeps fields that are not in the tables.
    """
    return _message_classes()[f"{_PACKAGE}.{name}"]


@functools.lru_cache(maxsize=None)
def _message_classes() -> dict[str, Any]:
    """Return the classes of messages by full name. All are kept: protobuf 4.24 crashes when Python 3.7 collects one."""
    from google.protobuf import message_factory

    pool = _build_descriptor_pool()
    files = [pool.FindFileByName(name) for name in (_ANY_FILE, _FILE)]
    descriptors = [message for file in files for message in file.message_types_by_name.values()]
    for descriptor in descriptors:
        descriptors.extend(descriptor.nested_types)
    factory: Any = message_factory
    get_class = getattr(factory, "GetMessageClass", None) or factory.MessageFactory(pool).GetPrototype  # before 4.22
    return {descriptor.full_name: get_class(descriptor) for descriptor in descriptors}


def _build_descriptor_pool() -> Any:
    """Return a pool of the messages that a SavedModel can hold, apart from the one that TensorFlow fills."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    anys = descriptor_pb2.FileDescriptorProto(name=_ANY_FILE, package="google.protobuf", syntax="proto3")
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3", dependency=[_ANY_FILE])
    declared: dict[str, DescriptorProto] = {_ANY: anys.message_type.add(name="Any")}
    for name, fields in MESSAGES.items():
        if not name.startswith("an entry of "):
            message = _declare_message(file, declared, name)
            for field in sorted(fields.values(), key=lambda field: field.group):  # A oneof's have to be in succession.
                _declare_field(message, name, field)
    for name, values in ENUMS.items():
        owner, _, own_name = name.rpartition(".")
        enum = (_declare_message(file, declared, owner) if owner else file).enum_type.add(name=own_name)
        for value, number in sorted(values.items(), key=lambda item: item[1]):
            enum.value.add(name=value, number=number)
    pool = descriptor_pool.DescriptorPool()
    for each in (anys, file):
        pool.AddSerializedFile(each.SerializeToString())
    return pool


def _declare_message(file: FileDescriptorProto, declared: dict[str, DescriptorProto], name: str) -> DescriptorProto:
    if name not in declared:
        owner, _, own_name = name.rpartition(".")
        container = _declare_message(file, declared, owner).nested_type if owner else file.message_type
        declared[name] = container.add(name=own_name)
    return declared[name]


def _declare_field(message: DescriptorProto, message_name: str, field: Field) -> None:
    type_name = field.type
    if field.is_map:
        type_name = f"{message_name}.{''.join(word.capitalize() for word in field.name.split('_'))}Entry"
        entry = message.nested_type.add(name=type_name.rpartition(".")[2])
        entry.options.map_entry = True
        for part in MESSAGES[field.type].values():
            _declare_field(entry, type_name, part)
    label = _LABEL_REPEATED if field.is_repeated else _LABEL_OPTIONAL
    declaration: Any = message.field.add(name=field.name, number=field.number, label=label)
    if field.type in _SCALAR_TYPES:
        declaration.type = _SCALAR_TYPES[field.type]
    else:
        declaration.type = _TYPE_ENUM if field.type in ENUMS else _TYPE_MESSAGE
        declaration.type_name = f".{_ANY}" if field.type == _ANY else f".{_PACKAGE}.{type_name}"
    if field.group:
        groups = [group.name for group in message.oneof_decl]
        if field.group not in groups:
            message.oneof_decl.add(name=field.group)
            groups.append(field.group)
        declaration.oneof_index = groups.index(field.group)
