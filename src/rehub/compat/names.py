"""The names that programs import from tensorflow_hub and its submodules, and where rehub has them."""

from __future__ import annotations

from rehub.version import __version__

# Programs compare it with releases of tensorflow_hub: the last one, and rehub's own.
VERSION = f"0.16.1+rehub.{__version__}"

# Submodule of tensorflow_hub -> each name that programs import from it -> the module of rehub that has it. A name after
# a colon is the name in rehub.
SUBMODULES: dict[str, dict[str, str]] = {
    "config": {},
    "estimator": {"LatestModuleExporter": "rehub", "register_module_for_export": "rehub"},
    "feature_column": {
        "image_embedding_column": "rehub",
        "sparse_text_embedding_column": "rehub",
        "text_embedding_column": "rehub",
    },
    "feature_column_v2": {
        # Programs pass it to Keras in custom_objects=, for a model with such a column.
        "_TextEmbeddingColumnV2": "rehub.keras.text_column_class:TextEmbeddingColumnV2",
        "text_embedding_column_v2": "rehub",
    },
    "image_module_info_pb2": {"ImageModuleInfo": "rehub"},
    "image_util": {
        "ImageModuleInfo": "rehub",
        "attach_image_module_info": "rehub",
        "get_expected_image_size": "rehub",
        "get_image_module_info": "rehub.legacy.images",
        "get_num_image_channels": "rehub",
    },
    "keras_layer": {"KerasLayer": "rehub"},
    "module": {
        "Module": "rehub",
        "as_module_spec": "rehub.legacy.loading",
        "eval_function_for_module": "rehub",
        "load_module_spec": "rehub",
    },
    "module_attachment_pb2": {"ModuleAttachment": "rehub.legacy.protos"},
    "module_def_pb2": {"ModuleDef": "rehub.legacy.protos"},
    "module_impl": {"ModuleImpl": "rehub.legacy.instance"},
    "module_spec": {"ModuleSpec": "rehub"},
    "module_v2": {"load": "rehub", "resolve": "rehub"},
    "native_module": {
        "Loader": "rehub.compat.submodules",
        "add_signature": "rehub",
        "attach_message": "rehub",
        "create_module_spec": "rehub",
        "find_signature_inputs_from_multivalued_ops": "rehub.legacy.colocation",
        "get_module_proto_path": "rehub.legacy.marker",
        "get_unsupported_collections": "rehub.legacy.spec",
        "recover_partitioned_variable_map": "rehub.legacy.partitioned_variables",
        "register_ops_if_needed": "rehub.legacy.ops",
    },
    "registry": {
        "MultiImplRegister": "rehub.compat.submodules",
        "loader": "rehub.compat.submodules",
        "resolver": "rehub.compat.submodules",
    },
    "resolver": {
        "HttpResolverBase": "rehub.compat.submodules",
        "Resolver": "rehub.resolvers",
        "create_local_module_dir": "rehub.compat.submodules",
        "tfhub_cache_dir": "rehub.compat.submodules",
    },
    "saved_model_module": {"create_module_spec_from_saved_model": "rehub"},
    "tensor_info": {
        "ParsedTensorInfo": "rehub.legacy.tensor_info",
        "build_input_map": "rehub.legacy.tensor_info",
        "build_output_map": "rehub.legacy.tensor_info",
        "convert_dict_to_compatible_tensor": "rehub.legacy.tensor_info",
        "parse_tensor_info_map": "rehub.legacy.tensor_info",
        "tensor_info_proto_maps_match": "rehub.compat.submodules",
    },
    "tf_utils": {
        "SUPPORTED_ARGUMENT_TYPES": "rehub.compat.submodules",
        "absolute_path": "rehub.compat.submodules",
        "atomic_write_string_to_file": "rehub.compat.submodules",
        "get_composite_tensor_type_spec": "rehub.compat.submodules",
        "is_composite_tensor": "rehub.compat.submodules",
        "read_file_to_string": "rehub.compat.submodules",
    },
    "version": {"__version__": "rehub.compat.names:VERSION"},
}
