"""Gives rehub to programs that import `tensorflow_hub`, without a change to them.

`rehub.install_as_tensorflow_hub()` does it within a program, `python -m rehub.as_tensorflow_hub script.py` for one.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import logging
import os
import runpy
import sys
from types import ModuleType
from typing import Any, Sequence

import rehub

_LOGGER = logging.getLogger(__name__)

_NAME = "tensorflow_hub"

# The last release of tensorflow_hub, which programs may compare with; and whose this one is.
VERSION = f"0.16.1+rehub.{rehub.__version__}"

# Names that programs take from submodules of tensorflow_hub -> where rehub has them; after a colon, under which name.
_SUBMODULES: dict[str, dict[str, str]] = {
    "config": {},
    "estimator": {"LatestModuleExporter": "rehub", "register_module_for_export": "rehub"},
    "feature_column": {
        "image_embedding_column": "rehub",
        "sparse_text_embedding_column": "rehub",
        "text_embedding_column": "rehub",
    },
    "feature_column_v2": {
        # Programs give it to Keras among the custom_objects of a model that has such a column.
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
        "as_module_spec": "rehub.legacy.spec",
        "eval_function_for_module": "rehub",
        "load_module_spec": "rehub",
    },
    "module_attachment_pb2": {"ModuleAttachment": "rehub.legacy.protos"},
    "module_def_pb2": {"ModuleDef": "rehub.legacy.protos"},
    "module_impl": {"ModuleImpl": "rehub.legacy.instance"},
    "module_spec": {"ModuleSpec": "rehub"},
    "module_v2": {"load": "rehub", "resolve": "rehub"},
    "native_module": {
        "Loader": "rehub.compat.submodules.native_module",
        "add_signature": "rehub",
        "attach_message": "rehub",
        "create_module_spec": "rehub",
        "find_signature_inputs_from_multivalued_ops": "rehub.legacy.colocation",
        "get_module_proto_path": "rehub.legacy.export",
        "get_unsupported_collections": "rehub.legacy.graph_spec",
        "recover_partitioned_variable_map": "rehub.legacy.variables",
        "register_ops_if_needed": "rehub.legacy.ops",
    },
    "registry": {
        "MultiImplRegister": "rehub.compat.submodules.registry",
        "loader": "rehub.compat.submodules.registry",
        "resolver": "rehub.compat.submodules.registry",
    },
    "resolver": {
        "HttpResolverBase": "rehub.compat.submodules.resolver",
        "Resolver": "rehub.resolvers",
        "create_local_module_dir": "rehub.compat.submodules.resolver",
        "tfhub_cache_dir": "rehub.compat.submodules.resolver",
    },
    "saved_model_module": {"create_module_spec_from_saved_model": "rehub"},
    "tensor_info": {
        "ParsedTensorInfo": "rehub.legacy.tensor_info",
        "build_input_map": "rehub.legacy.tensor_info",
        "build_output_map": "rehub.legacy.tensor_info",
        "convert_dict_to_compatible_tensor": "rehub.legacy.tensor_info",
        "parse_tensor_info_map": "rehub.legacy.tensor_info",
        "tensor_info_proto_maps_match": "rehub.compat.submodules.tensor_info",
    },
    "tf_utils": {
        "SUPPORTED_ARGUMENT_TYPES": "rehub.compat.submodules.tf_utils",
        "absolute_path": "rehub.compat.submodules.tf_utils",
        "atomic_write_string_to_file": "rehub.compat.submodules.tf_utils",
        "get_composite_tensor_type_spec": "rehub.compat.submodules.tf_utils",
        "is_composite_tensor": "rehub.compat.submodules.tf_utils",
        "read_file_to_string": "rehub.compat.submodules.tf_utils",
    },
    "version": {"__version__": "rehub.as_tensorflow_hub:VERSION"},
}


class Installation:
    """What `install_as_tensorflow_hub` did, until `uninstall`, or the end of a `with`."""

    def __init__(self) -> None:
        self._hidden = _take_modules()
        self._finder = _Finder()
        sys.meta_path.insert(0, self._finder)

    def uninstall(self) -> None:
        """Lets `import tensorflow_hub` give what it gave before. Calling it twice does no harm."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            _take_modules()
            sys.modules.update(self._hidden)

    def __repr__(self) -> str:
        state = "gives rehub" if self._finder in sys.meta_path else "gives what it gave before: uninstalled"
        return f"<Installation: `import tensorflow_hub` {state}>"

    def __enter__(self) -> Installation:  # noqa: PYI034  Self came with Python 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self.uninstall()


def install_as_tensorflow_hub() -> Installation:
    """Makes `import tensorflow_hub` give rehub, in all of this process, from now on.

        with hub.install_as_tensorflow_hub():
            import a_package_that_imports_tensorflow_hub

    The submodules that other packages import names from are there too, with those names. Nothing is imported by this
    call. A package that imported the real tensorflow_hub before keeps it.

    Returns:
        The installation. Its `uninstall()`, or the end of a `with`, undoes it.
    """
    if _NAME in sys.modules and not _is_rehub(sys.modules[_NAME]):
        _LOGGER.warning(
            "tensorflow_hub was imported before rehub took its place: what imported it then goes on with it. Call "
            "rehub.install_as_tensorflow_hub() first of all to have rehub everywhere."
        )
    _LOGGER.info("`import tensorflow_hub` gives rehub %s from now on", rehub.__version__)
    return Installation()


def _is_rehub(module: ModuleType) -> bool:
    return getattr(module, "__version__", None) == VERSION


def _take_modules() -> dict[str, ModuleType]:
    """Takes tensorflow_hub and its submodules out of the modules that are imported, and returns them."""
    names = [name for name in sys.modules if name == _NAME or name.startswith(_NAME + ".")]
    return {name: sys.modules.pop(name) for name in names}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `tensorflow_hub` and its submodules, and makes modules whose names are rehub's."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        package, _, submodule = fullname.partition(".")
        if package != _NAME or (submodule and submodule not in _SUBMODULES):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=rehub.__file__, is_package=not submodule)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Package(spec.name) if spec.name == _NAME else _Submodule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = rehub.__file__


class _Package(ModuleType):
    """rehub, in place of tensorflow_hub."""

    __version__ = VERSION
    __all__ = sorted({*rehub.__all__} - {"errors"})

    def __getattr__(self, name: str) -> Any:
        if name in _SUBMODULES:
            return importlib.import_module(f"{_NAME}.{name}")
        if name in rehub.__all__:
            return getattr(rehub, name)
        raise AttributeError(f"{_NAME} has no {name!r} (it is rehub here; its public names are rehub.__all__)")

    def __dir__(self) -> list[str]:
        return sorted({*self.__all__, *_SUBMODULES})


class _Submodule(ModuleType):
    """Names of rehub, in a submodule where tensorflow_hub had them."""

    def __getattr__(self, name: str) -> Any:
        homes = _SUBMODULES[self.__name__.partition(".")[2]]
        if name in homes:
            home, _, name_there = homes[name].partition(":")
            return getattr(importlib.import_module(home), name_there or name)
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{self.__name__}.{name} was private to tensorflow_hub, and rehub, which stands in its place here, has "
            f"nothing like it. Of this module it has: {', '.join(homes) or 'nothing'}."
        )

    def __dir__(self) -> list[str]:
        return sorted(_SUBMODULES[self.__name__.partition(".")[2]])


def main(arguments: Sequence[str]) -> None:
    """Runs a script, or a module after `-m`, as Python would, with rehub in the place of tensorflow_hub."""
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print("usage: python -m rehub.as_tensorflow_hub (SCRIPT | -m MODULE) [ARGUMENT ...]")  # noqa: T201
        sys.exit(0 if arguments and arguments[0] != "-m" else 2)
    install_as_tensorflow_hub()
    if arguments[0] == "-m":
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
