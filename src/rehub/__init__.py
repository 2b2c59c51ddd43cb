"""Load and fine-tune reusable TensorFlow models: `import rehub as hub`.

Everything that `tensorflow_hub` offered is here under the same names. Each name is imported when it is first used
(PEP 562), so that `import rehub` costs milliseconds and loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rehub.version import __version__

if TYPE_CHECKING:
    from rehub.errors import HubError as HubError
    from rehub.keras import KerasLayer as KerasLayer
    from rehub.loading import load as load
    from rehub.resolvers import register_resolver as register_resolver
    from rehub.resolvers import resolve as resolve

_HOME_OF = {
    "HubError": "rehub.errors",
    "KerasLayer": "rehub.keras",
    "errors": "rehub.errors",
    "load": "rehub.loading",
    "register_resolver": "rehub.resolvers",
    "resolve": "rehub.resolvers",
}

__all__ = ["HubError", "KerasLayer", "__version__", "errors", "load", "register_resolver", "resolve"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rehub' has no attribute {name!r}; its public names are {', '.join(__all__)}")
    module = importlib.import_module(_HOME_OF[name])
    value = module if name == "errors" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
