"""The size of the images that a module takes."""

from __future__ import annotations

from typing import Any

from rehub.errors import InvalidModule, SignatureNotFound
from rehub.formatting import list_names
from rehub.legacy.attachments import attach_message, parse_attachment, read_restored_attachments
from rehub.legacy.tensor_info import ParsedTensorInfo
from rehub.savedmodel.graph_collections import IMAGE_MODULE_INFO as _KEY


class _MessageOnUse(type):
    """Makes a class stand for a message class that needs protobuf, which comes with TensorFlow, not with rehub."""

    @property
    def _message(cls) -> Any:
        from rehub.legacy import protos

        return getattr(protos, cls.__name__)

    def __call__(cls, *args: Any, **fields: Any) -> Any:
        return cls._message(*args, **fields)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls._message, name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._message)


class ImageModuleInfo(metaclass=_MessageOnUse):
    """A protocol buffer message about the images that a module takes.

    Its field `default_image_size` has the fields `height` and `width`, in pixels; 0 where they are not known.
    """


def attach_image_module_info(image_module_info: Any) -> None:
    """Attaches the size of its images to the module that is being defined. To be called in a `module_fn`.

        info = hub.ImageModuleInfo()
        info.default_image_size.height, info.default_image_size.width = 224, 224
        hub.attach_image_module_info(info)

    Args:
        image_module_info: a `hub.ImageModuleInfo`.
    """
    attach_message(_KEY, image_module_info)


def get_image_module_info(module_or_spec: Any, required: bool = False) -> Any:
    """Returns the `hub.ImageModuleInfo` that is attached to a module, or None.

    Args:
        module_or_spec: a `hub.Module`, a `hub.ModuleSpec`, or what `hub.load` made of a legacy module or of its
            conversion.
        required: whether it is an error if there is none.

    Raises:
        AttachmentNotFound: there is none, and `required` was set.
    """
    if hasattr(module_or_spec, "get_attached_message"):
        return module_or_spec.get_attached_message(_KEY, ImageModuleInfo, required=required)
    attached = read_restored_attachments(module_or_spec).get(_KEY)
    return parse_attachment(attached, _KEY, ImageModuleInfo, required, f"the {type(module_or_spec).__name__}")


def get_expected_image_size(
    module_or_spec: Any, signature: str | None = None, input_name: str | None = None
) -> list[int]:
    """Returns the height and the width in pixels of the images that a module takes.

    They are what the publisher attached, else the shape of the input.

    Args:
        module_or_spec: a `hub.Module`, a `hub.ModuleSpec`, or what `hub.load` made of a legacy module or of its
            conversion.
        signature: the name of the signature that takes images; unset, "default".
        input_name: the name of the input; unset, "images".

    Raises:
        InvalidModule: there is no such input, or its shape does not tell.
    """
    info = get_image_module_info(module_or_spec)
    if info is not None and info.default_image_size.height and info.default_image_size.width:
        return [info.default_image_size.height, info.default_image_size.width]
    return _dimensions_of_images(module_or_spec, signature, input_name, [1, 2], "height and width")


def get_num_image_channels(module_or_spec: Any, signature: str | None = None, input_name: str | None = None) -> int:
    """Returns the number of channels of the images that a module takes: 3 for RGB.

    Args:
        module_or_spec: a `hub.Module`, a `hub.ModuleSpec`, or what `hub.load` made of a legacy module or of its
            conversion.
        signature: the name of the signature that takes images; unset, "default".
        input_name: the name of the input; unset, "images".

    Raises:
        InvalidModule: there is no such input, or its shape does not tell.
    """
    return _dimensions_of_images(module_or_spec, signature, input_name, [3], "num_channels")[0]


def _inputs(module_or_spec: Any, signature: str | None) -> dict[str, Any]:
    if hasattr(module_or_spec, "get_input_info_dict"):
        return dict(module_or_spec.get_input_info_dict(signature))
    found = getattr(module_or_spec, "signatures", {})
    name = "default" if signature is None else signature
    if name not in found:
        raise SignatureNotFound(
            f"No signature {name!r} tells of images; there are: {list_names(sorted(found)) or 'none'}."
        )
    specs = found[name].structured_input_signature[1]
    return {key: ParsedTensorInfo.from_type_spec(spec) for key, spec in specs.items()}


def _dimensions_of_images(
    module_or_spec: Any, signature: str | None, input_name: str | None, axes: list[int], wanted: str
) -> list[int]:
    name = "images" if input_name is None else input_name
    inputs = _inputs(module_or_spec, signature)
    if name not in inputs:
        raise InvalidModule(
            f"Module is missing input {name!r} in signature {signature or 'default'!r}, which has the inputs: "
            f"{list_names(sorted(inputs)) or 'none'}. Another one is chosen by signature= and input_name=."
        )
    shape = inputs[name].get_shape()
    dimensions = [shape.as_list()[axis] for axis in axes] if shape.ndims == 4 else []
    if not dimensions or not all(dimensions):
        raise InvalidModule(
            f"Shape of module input is {shape}, expected [batch_size, height, width, num_channels] with known {wanted}."
        )
    return dimensions
