"""The messages of the TF1 Hub format, readable and writable with every version of protobuf.

    ModuleDef         tfhub_module.pb: the format's number, and features that a reader must know (there are none)
    ModuleAttachment  a message that a publisher attached, serialized, under its key
    ImageModuleInfo   the size of the images that a module takes

They have the fields of tensorflow_hub's. They are not generated code: code generated for one version of protobuf fails
with another, and TensorFlow 1.15 and the newest TensorFlow need incompatible versions. They are in a private pool, so
that tensorflow_hub can define its own in the same process.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "tensorflow_hub"


def _make_message_class(name: str) -> Any:
    descriptor = _POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    if hasattr(message_factory, "GetMessageClass"):  # Since protobuf 4.22.
        return message_factory.GetMessageClass(descriptor)
    factory: Any = message_factory.MessageFactory(_POOL)
    return factory.GetPrototype(descriptor)


def _make_file_descriptor() -> Any:
    field, file = (
        descriptor_pb2.FieldDescriptorProto,
        descriptor_pb2.FileDescriptorProto(name="tensorflow_hub/legacy.proto", package=_PACKAGE, syntax="proto3"),
    )
    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED

    module_def = file.message_type.add(name="ModuleDef")
    formats = module_def.enum_type.add(name="Format")
    formats.value.add(name="FORMAT_UNSPECIFIED", number=0)
    formats.value.add(name="FORMAT_V3", number=3)
    module_def.field.add(
        name="format", number=1, label=one, type=field.TYPE_ENUM, type_name=f".{_PACKAGE}.ModuleDef.Format"
    )
    module_def.field.add(name="required_features", number=2, label=many, type=field.TYPE_STRING)

    attachment = file.message_type.add(name="ModuleAttachment")
    attachment.field.add(name="key", number=1, label=one, type=field.TYPE_STRING)
    attachment.field.add(name="value", number=2, label=one, type=field.TYPE_BYTES)

    image_info = file.message_type.add(name="ImageModuleInfo")
    size = image_info.nested_type.add(name="InputSize")
    size.field.add(name="height", number=1, label=one, type=field.TYPE_INT32)
    size.field.add(name="width", number=2, label=one, type=field.TYPE_INT32)
    image_info.field.add(
        name="default_image_size",
        number=1,
        label=one,
        type=field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.ImageModuleInfo.InputSize",
    )
    image_info.reserved_range.add(start=3, end=4)
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_make_file_descriptor().SerializeToString())

ModuleDef = _make_message_class("ModuleDef")
ModuleAttachment = _make_message_class("ModuleAttachment")
ImageModuleInfo = _make_message_class("ImageModuleInfo")
