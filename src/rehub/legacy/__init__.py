"""TF1 Hub format: `hub.Module` and what belongs to it, for TensorFlow 1.15 and the compatibility mode of TensorFlow 2.

A `ModuleSpec` has a module's graph variants (`saved_model` reads and writes them, `creation` makes them). A `Module`
adds one of them to the current graph: its state once (`instance`), its computation with each call (`application`).
"""

from __future__ import annotations

from rehub.legacy.attachments import attach_message as attach_message
from rehub.legacy.creation import add_signature as add_signature
from rehub.legacy.creation import create_module_spec as create_module_spec
from rehub.legacy.creation import create_module_spec_from_saved_model as create_module_spec_from_saved_model
from rehub.legacy.evaluation import eval_function_for_module as eval_function_for_module
from rehub.legacy.images import ImageModuleInfo as ImageModuleInfo
from rehub.legacy.images import attach_image_module_info as attach_image_module_info
from rehub.legacy.images import get_expected_image_size as get_expected_image_size
from rehub.legacy.images import get_num_image_channels as get_num_image_channels
from rehub.legacy.loading import load_module_spec as load_module_spec
from rehub.legacy.module import Module as Module
from rehub.legacy.spec import ModuleSpec as ModuleSpec
