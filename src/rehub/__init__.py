"""Load and fine-tune reusable TensorFlow models: `import rehub as hub`.

Everything that `tensorflow_hub` offered is here under the same names. Each name is imported when it is first used
(PEP 562), so that `import rehub` costs milliseconds and loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rehub.version import __version__

if TYPE_CHECKING:
    from rehub.batch_inference import BatchReport as BatchReport
    from rehub.batch_inference import Predictor as Predictor
    from rehub.batch_inference import batch as batch
    from rehub.compat import install_as_tensorflow_hub as install_as_tensorflow_hub
    from rehub.errors import HubError as HubError
    from rehub.inspection import ModelInfo as ModelInfo
    from rehub.inspection import inspect as inspect
    from rehub.keras import KerasLayer as KerasLayer
    from rehub.keras.text_column import text_embedding_column_v2 as text_embedding_column_v2
    from rehub.keras.text_features import text_features as text_features
    from rehub.legacy import ImageModuleInfo as ImageModuleInfo
    from rehub.legacy import Module as Module
    from rehub.legacy import ModuleSpec as ModuleSpec
    from rehub.legacy import add_signature as add_signature
    from rehub.legacy import attach_image_module_info as attach_image_module_info
    from rehub.legacy import attach_message as attach_message
    from rehub.legacy import create_module_spec as create_module_spec
    from rehub.legacy import create_module_spec_from_saved_model as create_module_spec_from_saved_model
    from rehub.legacy import eval_function_for_module as eval_function_for_module
    from rehub.legacy import get_expected_image_size as get_expected_image_size
    from rehub.legacy import get_num_image_channels as get_num_image_channels
    from rehub.legacy import load_module_spec as load_module_spec
    from rehub.legacy.columns import image_embedding_column as image_embedding_column
    from rehub.legacy.columns import sparse_text_embedding_column as sparse_text_embedding_column
    from rehub.legacy.columns import text_embedding_column as text_embedding_column
    from rehub.legacy.exporter import LatestModuleExporter as LatestModuleExporter
    from rehub.legacy.exporter import register_module_for_export as register_module_for_export
    from rehub.legacy.sessions import session_config as session_config
    from rehub.loading import load as load
    from rehub.migrate.models import Conversion as Conversion
    from rehub.migrate.models import convert as convert
    from rehub.resolvers import register_resolver as register_resolver
    from rehub.resolvers import resolve as resolve
    from rehub.restore import LoadReport as LoadReport
    from rehub.restore import load_report as load_report
    from rehub.retrain.checkpoints import restore_checkpoint as restore_checkpoint
    from rehub.scanning import ScanReport as ScanReport
    from rehub.scanning import scan as scan
    from rehub.vector_index import Matches as Matches
    from rehub.vector_index import VectorIndex as VectorIndex
    from rehub.vector_index import build_index as build_index
    from rehub.vector_index import open_index as open_index

_HOME_OF = {
    "BatchReport": "rehub.batch_inference",
    "Conversion": "rehub.migrate.models",
    "HubError": "rehub.errors",
    "ImageModuleInfo": "rehub.legacy",
    "KerasLayer": "rehub.keras",
    "LatestModuleExporter": "rehub.legacy.exporter",
    "LoadReport": "rehub.restore",
    "Matches": "rehub.vector_index",
    "ModelInfo": "rehub.inspection",
    "Module": "rehub.legacy",
    "ModuleSpec": "rehub.legacy",
    "Predictor": "rehub.batch_inference",
    "ScanReport": "rehub.scanning",
    "VectorIndex": "rehub.vector_index",
    "add_signature": "rehub.legacy",
    "attach_image_module_info": "rehub.legacy",
    "attach_message": "rehub.legacy",
    "batch": "rehub.batch_inference",
    "build_index": "rehub.vector_index",
    "convert": "rehub.migrate.models",
    "create_module_spec": "rehub.legacy",
    "create_module_spec_from_saved_model": "rehub.legacy",
    "errors": "rehub.errors",
    "eval_function_for_module": "rehub.legacy",
    "get_expected_image_size": "rehub.legacy",
    "get_num_image_channels": "rehub.legacy",
    "image_embedding_column": "rehub.legacy.columns",
    "inspect": "rehub.inspection",
    "install_as_tensorflow_hub": "rehub.compat",
    "load": "rehub.loading",
    "load_module_spec": "rehub.legacy",
    "load_report": "rehub.restore",
    "open_index": "rehub.vector_index",
    "register_module_for_export": "rehub.legacy.exporter",
    "register_resolver": "rehub.resolvers",
    "resolve": "rehub.resolvers",
    "restore_checkpoint": "rehub.retrain.checkpoints",
    "scan": "rehub.scanning",
    "session_config": "rehub.legacy.sessions",
    "sparse_text_embedding_column": "rehub.legacy.columns",
    "text_embedding_column": "rehub.legacy.columns",
    "text_embedding_column_v2": "rehub.keras.text_column",
    "text_features": "rehub.keras.text_features",
}

__all__ = [
    "BatchReport",
    "Conversion",
    "HubError",
    "ImageModuleInfo",
    "KerasLayer",
    "LatestModuleExporter",
    "LoadReport",
    "Matches",
    "ModelInfo",
    "Module",
    "ModuleSpec",
    "Predictor",
    "ScanReport",
    "VectorIndex",
    "__version__",
    "add_signature",
    "attach_image_module_info",
    "attach_message",
    "batch",
    "build_index",
    "convert",
    "create_module_spec",
    "create_module_spec_from_saved_model",
    "errors",
    "eval_function_for_module",
    "get_expected_image_size",
    "get_num_image_channels",
    "image_embedding_column",
    "inspect",
    "install_as_tensorflow_hub",
    "load",
    "load_module_spec",
    "load_report",
    "open_index",
    "register_module_for_export",
    "register_resolver",
    "resolve",
    "restore_checkpoint",
    "scan",
    "session_config",
    "sparse_text_embedding_column",
    "text_embedding_column",
    "text_embedding_column_v2",
    "text_features",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        from rehub.formatting import did_you_mean  # It imports more than all else here.

        hint = did_you_mean(name, __all__, "hub.{}")
        raise AttributeError(
            f"module 'rehub' has no attribute {name!r}.{hint} Its public names are {', '.join(__all__)}"
        )
    module = importlib.import_module(_HOME_OF[name])
    value = module if name == "errors" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
