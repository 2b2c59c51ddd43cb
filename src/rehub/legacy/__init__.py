"""TF1 Hub format: `hub.Module` and what belongs to it, for TensorFlow 1.15 and the compatibility mode of TensorFlow 2.

A `ModuleSpec` has a module's graph variants (`saved_model` reads and writes them, `creation` makes them). A `Module`
adds one of them to the current graph: its state once (`instance`), its computation with each call (`application`).
"""

from __future__ import annotations

from rehub.legacy.attachments import attach_message
from rehub.legacy.creation import add_signature, create_module_spec, create_module_spec_from_saved_model
from rehub.legacy.evaluation import eval_function_for_module
from rehub.legacy.images import (
    ImageModuleInfo,
    attach_image_module_info,
    get_expected_image_size,
    get_num_image_channels,
)
from rehub.legacy.loading import load_module_spec
from rehub.legacy.module import Module
from rehub.legacy.spec import ModuleSpec

__all__ = [
    "ImageModuleInfo",
    "Module",
    "ModuleSpec",
    "add_signature",
    "attach_image_module_info",
    "attach_message",
    "create_module_spec",
    "create_module_spec_from_saved_model",
    "eval_function_for_module",
    "get_expected_image_size",
    "get_num_image_channels",
    "load_module_spec",
]
