"""tensorflow_hub.native_module: the loader of legacy modules."""

from __future__ import annotations

from typing import Any

from rehub.legacy.loading import load_module_spec
from rehub.legacy.spec import ModuleSpec


class Loader:
    """Loads the specs of legacy modules."""

    def is_supported(self, path: Any) -> bool:
        """Return True: calling the loader raises an error for a path that it cannot load."""
        del path
        return True

    def __call__(self, path: Any) -> ModuleSpec:
        """Load as `hub.load_module_spec` does."""
        return load_module_spec(path)
