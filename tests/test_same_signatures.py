"""The public names of tensorflow_hub 0.12.0 and 0.16.1 are here, with the same arguments."""

from __future__ import annotations

import importlib
import inspect
import warnings

import pytest

import rehub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # What tensorflow_hub imports is deprecated, such as pkg_resources.
    try:
        tensorflow_hub = importlib.import_module("tensorflow_hub")
    except ImportError:
        pytest.skip("tensorflow_hub is not installed here", allow_module_level=True)

pytestmark = pytest.mark.peers

# 0.16.1 lists names that it does not have any more.
NAMES = [name for name in tensorflow_hub.__all__ if not name.startswith("_") and hasattr(tensorflow_hub, name)]

# The test of arguments is for functions and methods; this is a protocol buffer message.
CALLABLES = [name for name in NAMES if name != "ImageModuleInfo"]


def arguments(function):
    """Name, kind and default of each argument."""
    parameters = inspect.signature(function).parameters.values()
    named = [parameter for parameter in parameters if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    return [(parameter.name, parameter.kind, parameter.default) for parameter in named]


def public_methods(cls):
    named = [name for name in vars(cls) if not name.startswith("_") and callable(getattr(cls, name))]
    return [*named, *(["__call__"] if "__call__" in vars(cls) else [])]


def test_the_public_names_are_here():
    assert [name for name in NAMES if name not in rehub.__all__] == []
    assert len(NAMES) >= 3


@pytest.mark.parametrize("name", CALLABLES)
def test_arguments_are_the_same(name):
    theirs, ours = getattr(tensorflow_hub, name), getattr(rehub, name)
    assert arguments(ours)[: len(arguments(theirs))] == arguments(theirs)
    for added in inspect.signature(ours).parameters.values():
        if added.name not in inspect.signature(theirs).parameters:
            assert added.default is not inspect.Parameter.empty or added.kind is inspect.Parameter.VAR_KEYWORD


@pytest.mark.parametrize("name", [name for name in CALLABLES if inspect.isclass(getattr(tensorflow_hub, name))])
def test_methods_and_their_arguments_are_the_same(name):
    if name == "KerasLayer":
        pytest.skip("its methods are those of the Keras layer that it becomes, tested in tests/keras")
    theirs, ours = getattr(tensorflow_hub, name), getattr(rehub, name)
    for method in public_methods(theirs):
        assert arguments(getattr(ours, method)) == arguments(getattr(theirs, method)), method
    for attribute in vars(theirs):
        if isinstance(vars(theirs)[attribute], property):
            assert isinstance(inspect.getattr_static(ours, attribute), property), attribute


def test_an_image_module_info_has_the_same_fields():
    if "ImageModuleInfo" not in NAMES:
        pytest.skip("this tensorflow_hub has none")
    theirs = tensorflow_hub.ImageModuleInfo()
    theirs.default_image_size.height, theirs.default_image_size.width = 7, 300
    ours = rehub.ImageModuleInfo.FromString(theirs.SerializeToString())
    assert (ours.default_image_size.height, ours.default_image_size.width) == (7, 300)
    assert ours.SerializeToString() == theirs.SerializeToString()
