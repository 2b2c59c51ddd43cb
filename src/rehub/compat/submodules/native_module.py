"""tensorflow_hub.native_module: the loader of legacy modules."""

from __future__ import annotations

from typing import Any

from rehub.legacy.spec import ModuleSpec, load_module_spec


class Loader:
    """Loads the specs of legacy modules."""

    def is_supported(self, path: Any) -> bool:
        """Whether it takes the path: it takes any, and calling it says what is wrong with one."""
        del path
        return True

    def __call__(self, path: Any) -> ModuleSpec:
        """As `hub.load_module_spec`."""
        return load_module_spec(path)
