"""The size of the images that a module takes, and the message that has it."""

from __future__ import annotations

from typing import Any

from rehub.errors import InvalidModule, SignatureNotFound
from rehub.formatting import list_names
from rehub.legacy.attachments import FUNCTION, attach_message, call_attachments_function, parse_attachment
from rehub.legacy.tensor_info import ParsedTensorInfo
from rehub.savedmodel.graph_collections import IMAGE_MODULE_INFO as _KEY


class _MessageOnUse(type):
    """The metaclass of a stand-in for a message class, which is made on first use.

    It needs protobuf, which is installed with TensorFlow, but not with rehub.
    """

    @property
    def _message_class(cls) -> Any:
        from rehub.legacy import protos

        return getattr(protos, cls.__name__)

    def __call__(cls, *args: Any, **fields: Any) -> Any:
        return cls._message_class(*args, **fields)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls._message_class, name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._message_class)


class ImageModuleInfo(metaclass=_MessageOnUse):
    """A protocol buffer message about the images that a module takes.

    Its field `default_image_size` has the fields `height` and `width`, in pixels; 0 if unknown.
    """


def attach_image_module_info(image_module_info: Any) -> None:
    """Attach the image size to the module that is being defined. Call it in a `module_fn`.

        info = hub.ImageModuleInfo()
        info.default_image_size.height, info.default_image_size.width = 224, 224
        hub.attach_image_module_info(info)

    Args:
        image_module_info: a `hub.ImageModuleInfo`.
    """
    attach_message(_KEY, image_module_info)


def get_image_module_info(module_or_spec: Any, required: bool = False) -> Any:
    """Return the `hub.ImageModuleInfo` that is attached to a module, or None.

    Args:
        module_or_spec: a `hub.Module`, a `hub.ModuleSpec`, or the result of `hub.load` for a legacy module or its
            conversion.
        required: whether it is an error if there is none.

    Raises:
        AttachmentNotFound: there is none, and `required` was set.
    """
    if hasattr(module_or_spec, "get_attached_message"):
        return module_or_spec.get_attached_message(_KEY, ImageModuleInfo, required=required)
    attached = call_attachments_function(getattr(module_or_spec, FUNCTION, None)).get(_KEY)
    return parse_attachment(attached, _KEY, ImageModuleInfo, required, f"the {type(module_or_spec).__name__}")


def get_expected_image_size(
    module_or_spec: Any, signature: str | None = None, input_name: str | None = None
) -> list[int]:
    """Return the height and the width in pixels of the images that a module takes.

    They come from the message that the publisher attached, else from the shape of the input.

    Args:
        module_or_spec: a `hub.Module`, a `hub.ModuleSpec`, or the result of `hub.load` for a legacy module or its
            conversion.
        signature: the name of the signature that takes images; unset, "default".
        input_name: the name of the input; unset, "images".

    Raises:
        InvalidModule: the signature has no such input, or its shape is not known.
    """
    info = get_image_module_info(module_or_spec)
    if info is not None and info.default_image_size.height and info.default_image_size.width:
        return [info.default_image_size.height, info.default_image_size.width]
    return _read_dimensions(module_or_spec, signature, input_name, [1, 2], "height and width")


def get_num_image_channels(module_or_spec: Any, signature: str | None = None, input_name: str | None = None) -> int:
    """Return the number of channels of the images that a module takes: 3 for RGB.

    Args:
        module_or_spec: a `hub.Module`, a `hub.ModuleSpec`, or the result of `hub.load` for a legacy module or its
            conversion.
        signature: the name of the signature that takes images; unset, "default".
        input_name: the name of the input; unset, "images".

    Raises:
        InvalidModule: the signature has no such input, or its shape is not known.
    """
    return _read_dimensions(module_or_spec, signature, input_name, [3], "num_channels")[0]


def _describe_inputs(module_or_spec: Any, signature: str | None) -> dict[str, Any]:
    if hasattr(module_or_spec, "get_input_info_dict"):
        return dict(module_or_spec.get_input_info_dict(signature))
    found = getattr(module_or_spec, "signatures", {})
    name = "default" if signature is None else signature
    if name not in found:
        raise SignatureNotFound(f"No signature {name!r} for images; available: {list_names(sorted(found)) or 'none'}.")
    specs = found[name].structured_input_signature[1]
    return {key: ParsedTensorInfo.from_type_spec(spec) for key, spec in specs.items()}


def _read_dimensions(
    module_or_spec: Any, signature: str | None, input_name: str | None, axes: list[int], wanted: str
) -> list[int]:
    name = "images" if input_name is None else input_name
    inputs = _describe_inputs(module_or_spec, signature)
    if name not in inputs:
        raise InvalidModule(
            f"Module is missing input {name!r} in signature {signature or 'default'!r}, which has the inputs: "
            f"{list_names(sorted(inputs)) or 'none'}. Choose another by signature= and input_name=."
        )
    shape = inputs[name].get_shape()
    dimensions = [shape.as_list()[axis] for axis in axes] if shape.ndims == 4 else []
    if not dimensions or not all(dimensions):
        raise InvalidModule(
            f"Shape of module input is {shape}, expected [batch_size, height, width, num_channels] with known {wanted}."
        )
    return dimensions
