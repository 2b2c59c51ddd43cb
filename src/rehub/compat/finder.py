"""An import hook that makes `import tensorflow_hub` return rehub."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import logging
import sys
from types import ModuleType
from typing import Any, Sequence

import rehub
from rehub.compat.names import SUBMODULES, VERSION

_log = logging.getLogger(__name__)

_NAME = "tensorflow_hub"


class Installation:
    """The effect of `install_as_tensorflow_hub`, until `uninstall` or the end of a `with`."""

    def __init__(self) -> None:
        self._hidden = _pop_modules()
        self._finder = _Finder()
        sys.meta_path.insert(0, self._finder)

    def uninstall(self) -> None:
        """Make `import tensorflow_hub` return what it returned before. A second call does nothing."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            _pop_modules()
            sys.modules.update(self._hidden)

    def __repr__(self) -> str:
        state = "returns rehub" if self._finder in sys.meta_path else "returns what it did before: uninstalled"
        return f"<Installation: `import tensorflow_hub` {state}>"

    def __enter__(self) -> Installation:  # noqa: PYI034  Self came with Python 3.11
        return self

    def __exit__(self, *exception: object) -> None:
        self.uninstall()


def install_as_tensorflow_hub() -> Installation:
    """Make `import tensorflow_hub` return rehub from now on, in the whole process.

        with hub.install_as_tensorflow_hub():
            import a_package_that_imports_tensorflow_hub

    The submodules that other packages use exist too, with the names that they import. This call does not import them. A
    package that has already imported the real tensorflow_hub keeps it.

    Returns:
        The installation. Call its `uninstall()`, or use it in a `with` block, to undo the replacement.
    """
    real = sys.modules.get(_NAME)
    if real is not None and getattr(real, "__version__", None) != VERSION:
        _log.warning(
            "tensorflow_hub was imported before rehub took its place, and modules that have it keep it. Call "
            "rehub.install_as_tensorflow_hub() before any other import to use rehub everywhere."
        )
    _log.info("`import tensorflow_hub` returns rehub %s from now on", rehub.__version__)
    return Installation()


def _pop_modules() -> dict[str, ModuleType]:
    """Remove tensorflow_hub and its submodules from `sys.modules`, and return them."""
    names = [name for name in sys.modules if name == _NAME or name.startswith(_NAME + ".")]
    return {name: sys.modules.pop(name) for name in names}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `tensorflow_hub` and its submodules, and makes modules with rehub's names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        package, _, submodule = fullname.partition(".")
        if package != _NAME or (submodule and submodule not in SUBMODULES):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=rehub.__file__, is_package=not submodule)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Package(spec.name) if spec.name == _NAME else _Submodule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = rehub.__file__


class _Package(ModuleType):
    """rehub as the package `tensorflow_hub`."""

    __version__ = VERSION
    __all__ = sorted({*rehub.__all__} - {"errors"})

    def __getattr__(self, name: str) -> Any:
        if name in SUBMODULES:
            return importlib.import_module(f"{_NAME}.{name}")
        if name in rehub.__all__:
            return getattr(rehub, name)
        raise AttributeError(f"{_NAME} has no {name!r} (it is rehub here; its public names are rehub.__all__)")

    def __dir__(self) -> list[str]:
        return sorted({*self.__all__, *SUBMODULES})


class _Submodule(ModuleType):
    """Names of rehub, as a submodule of tensorflow_hub."""

    def __getattr__(self, name: str) -> Any:
        modules = SUBMODULES[self.__name__.partition(".")[2]]
        if name in modules:
            module, _, name_there = modules[name].partition(":")
            return getattr(importlib.import_module(module), name_there or name)
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{self.__name__}.{name} was private to tensorflow_hub, and rehub, which replaces it here, has nothing "
            f"like it. Of this module rehub has: {', '.join(modules) or 'nothing'}."
        )

    def __dir__(self) -> list[str]:
        return sorted(SUBMODULES[self.__name__.partition(".")[2]])
