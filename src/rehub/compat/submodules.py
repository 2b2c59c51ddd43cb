"""Names that packages import from submodules of tensorflow_hub, and that rehub has no use for."""

from __future__ import annotations

import os
from typing import Any, Mapping

from rehub import config, resolvers, tf_internals
from rehub.legacy.loading import load_module_spec
from rehub.legacy.spec import ModuleSpec
from rehub.legacy.tensor_info import parse_tensor_info_map, supported_types
from rehub.staging import staging_path

# tensorflow_hub.native_module


class Loader:
    """Loads the specs of legacy modules."""

    def is_supported(self, path: Any) -> bool:
        """Return True: calling the loader raises an error for a path that it cannot load."""
        del path
        return True

    def __call__(self, path: Any) -> ModuleSpec:
        """Load as `hub.load_module_spec` does."""
        return load_module_spec(path)


# tensorflow_hub.registry


class MultiImplRegister:
    """Implementations of one function. A call runs the latest one that supports the arguments."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._implementations: list[Any] = []

    def add_implementation(self, impl: Any) -> None:
        """Add an object whose methods `is_supported` and `__call__` take the same arguments."""
        self._implementations.append(impl)

    def clear_implementations(self) -> None:
        """Remove all implementations."""
        self._implementations.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the latest implementation that supports the arguments.

        Raises:
            RuntimeError: none supports them; names all implementations.
        """
        latest_first = self._implementations[::-1]
        for implementation in latest_first:
            if implementation.is_supported(*args, **kwargs):
                return implementation(*args, **kwargs)
        names = ", ".join(type(implementation).__name__ for implementation in latest_first) or "none was added"
        raise RuntimeError(
            f"Missing implementation that supports: {self._name}(*{args!r}, **{kwargs!r}). Implementations: {names}."
        )


class _Resolvers:
    """rehub's resolvers, with the methods of a register."""

    def add_implementation(self, impl: resolvers.Resolver) -> None:
        """Register a resolver, as `hub.register_resolver` does."""
        resolvers.register_resolver(impl)

    def __call__(self, handle: Any) -> str:
        """Resolve a handle, as `hub.resolve` does."""
        return resolvers.resolve(handle)


resolver = _Resolvers()
loader = Loader()


# tensorflow_hub.resolver


class HttpResolverBase(resolvers.Resolver):
    """A resolver of URLs. A subclass says which URLs, and where their models are."""

    def is_http_protocol(self, handle: str) -> bool:
        """Return whether the handle is an http or https URL."""
        return handle.startswith(("http://", "https://"))


def tfhub_cache_dir(default_cache_dir: str | None = None, use_temp: bool = False) -> str | None:
    """Return the directory that models are downloaded to.

    Args:
        default_cache_dir: the result if neither REHUB_CACHE_DIR nor TFHUB_CACHE_DIR is set.
        use_temp: whether to return rehub's default directory instead of None, if none is set. tensorflow_hub
            returned a temporary directory.

    Raises:
        InvalidSetting: an environment variable does not name a directory.
    """
    if config.CACHE_DIR.read_environment():
        return str(config.cache_dir())
    return default_cache_dir or (str(config.cache_dir()) if use_temp else None)


def create_local_module_dir(cache_dir: str, module_name: str) -> str:
    """Create a cache's directory, and return the path of a model in it, without creating that."""
    tf_internals.import_tensorflow().io.gfile.makedirs(cache_dir)
    return os.path.join(cache_dir, module_name)


# tensorflow_hub.tensor_info


def tensor_info_proto_maps_match(map_a: Mapping[str, Any], map_b: Mapping[str, Any]) -> bool:
    """Return whether two maps of inputs or outputs have the same names, kinds, dtypes and shapes."""
    specs = [
        {name: info.type_spec for name, info in parse_tensor_info_map(protomap).items()} for protomap in (map_a, map_b)
    ]
    return specs[0] == specs[1]


# tensorflow_hub.tf_utils


def __getattr__(name: str) -> Any:
    if name == "SUPPORTED_ARGUMENT_TYPES":
        return supported_types()
    raise AttributeError(name)


def absolute_path(path: str) -> str:
    """Return a path as an absolute path. A path with a scheme, such as gs://, is absolute already."""
    return path if "://" in path else os.path.abspath(path)


def read_file_to_string(filename: str) -> str:
    """Return the text of a file in any of TensorFlow's file systems."""
    with tf_internals.import_tensorflow().io.gfile.GFile(filename, "r") as file:
        return str(file.read())


def atomic_write_string_to_file(filename: str, contents: str, overwrite: bool) -> None:
    """Write a file in any of TensorFlow's file systems, completely or not at all.

    Raises:
        tf.errors.AlreadyExistsError: the file exists, and `overwrite` is false.
    """
    gfile = tf_internals.import_tensorflow().io.gfile
    with staging_path(filename, gfile) as staging:
        with gfile.GFile(staging, "w") as file:
            file.write(contents)
        gfile.rename(staging, filename, overwrite)


def is_composite_tensor(x: Any) -> bool:
    """Return whether a value consists of several tensors, such as a SparseTensor or a RaggedTensor."""
    return get_composite_tensor_type_spec(x) is not None


def get_composite_tensor_type_spec(x: Any) -> Any:
    """Return the `tf.TypeSpec` of a composite tensor; None of anything else."""
    spec = tf_internals.specs.type_spec_of(x)
    return None if spec is x or isinstance(spec, tf_internals.import_tensorflow().TensorSpec) else spec
