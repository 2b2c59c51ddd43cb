"""The size of the images that a module takes."""

from __future__ import annotations

import pytest
from saved_models import LEGACY, tf

import rehub as hub

v1 = tf.compat.v1


def image_module(shape, attached=None, name="images"):
    def module_fn():
        images = v1.placeholder(tf.float32, shape)
        if attached is not None:
            info = hub.ImageModuleInfo()
            info.default_image_size.height, info.default_image_size.width = attached
            hub.attach_image_module_info(info)
        hub.add_signature(inputs={name: images}, outputs=images)

    return hub.create_module_spec(module_fn)


def test_the_attached_size_takes_precedence_over_the_shape():
    assert hub.get_expected_image_size(image_module([None, None, None, 3], (7, 9))) == [7, 9]
    assert hub.get_expected_image_size(image_module([None, 4, 5, 3], (7, 9))) == [7, 9]


def test_the_shape_is_used_without_an_attached_size():
    spec = image_module([None, 4, 5, 1], name="pixels")
    assert hub.get_expected_image_size(spec, input_name="pixels") == [4, 5]
    assert hub.get_num_image_channels(spec, signature="default", input_name="pixels") == 1


def test_a_module_has_the_image_size_of_its_spec():
    with tf.Graph().as_default():
        module = hub.Module(str(LEGACY / "conv_bn"))
        assert hub.get_expected_image_size(module) == [16, 16]
        assert hub.get_num_image_channels(module) == 3


@pytest.mark.parametrize("shape", [[None, None, 5, 3], [None, 4, None, 3], [None, 4, 5], None])
def test_a_shape_of_unknown_size_is_an_error(shape):
    with pytest.raises(ValueError, match="with known height and width"):
        hub.get_expected_image_size(image_module(shape))


@pytest.mark.parametrize("shape", [[None, 4, 5, None], [None, 4, 5], None])
def test_a_shape_of_unknown_channels_is_an_error(shape):
    with pytest.raises(ValueError, match="with known num_channels"):
        hub.get_num_image_channels(image_module(shape))


def test_the_error_for_a_missing_input_lists_the_inputs():
    with pytest.raises(ValueError, match="Module is missing input 'images' in signature 'default'.*pixels"):
        hub.get_expected_image_size(image_module([None, 4, 5, 3], name="pixels"))


def test_image_module_info_is_a_message_class():
    info = hub.ImageModuleInfo(default_image_size={"height": 7, "width": 9})
    assert isinstance(info, hub.ImageModuleInfo) and not isinstance(3, hub.ImageModuleInfo)
    assert hub.ImageModuleInfo.FromString(info.SerializeToString()) == info
    assert hub.ImageModuleInfo.DESCRIPTOR.full_name == "tensorflow_hub.ImageModuleInfo"
