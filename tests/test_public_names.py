"""The names that `import rehub as hub` promises to its users."""

from __future__ import annotations

import rehub

PUBLIC_NAMES = [
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


def test_public_names_are_exactly_these():
    assert sorted(rehub.__all__) == PUBLIC_NAMES


def test_every_public_name_is_importable():
    assert [name for name in rehub.__all__ if not hasattr(rehub, name)] == []


def test_dir_lists_the_public_names():
    assert dir(rehub) == PUBLIC_NAMES


def test_every_error_is_a_hub_error_with_a_docstring():
    errors = [value for value in vars(rehub.errors).values() if isinstance(value, type)]
    assert len(errors) > 10
    for error in errors:
        assert issubclass(error, rehub.HubError)
        assert error.__name__ in rehub.errors.__doc__
        assert error.__doc__
