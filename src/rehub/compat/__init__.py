"""rehub in place of tensorflow_hub, for programs and packages that import tensorflow_hub.

`names` is the table of names, `finder` the import hook that serves them, and `submodules` has what rehub needs for
nothing else.
"""

from __future__ import annotations

from rehub.compat.finder import install_as_tensorflow_hub as install_as_tensorflow_hub
