"""A lookup table of a module as a resource of TF2. Importing this file imports TensorFlow."""

from __future__ import annotations

import functools
from typing import Any, Callable

from rehub import tf_internals

_tf = tf_internals.import_tensorflow()


class LookupTable(tf_internals.objects.trackable_resource_class()):  # type: ignore[misc]
    """A table that ops of TF1 make and fill. It is saved with the object that has it, its files included.

    Attributes:
        assets: the `tf.saved_model.Asset`s of the files that it is filled from.
    """

    def __init__(self, make_handle: Callable[[], Any], fill_table: Callable[[Any], None], assets: list[Any]) -> None:
        """Make the table and fill it.

        Args:
            make_handle: traces the op that makes the table; returns its handle.
            fill_table: traces, given the handle, the ops that fill the table.
            assets: those of the files that it is filled from.
        """
        super().__init__()
        self._make_handle = make_handle
        self._fill_table = fill_table
        self.assets = assets
        self._initialize()

    # TensorFlow calls these two. Their ops are in functions, so that they run at once in eager mode, and become parts
    # of the functions that TensorFlow saves.

    def _create_resource(self) -> Any:
        return _tf.function(functools.partial(self._make_handle), autograph=False)()

    def _initialize(self) -> None:
        _tf.function(functools.partial(self._fill_table, self.resource_handle), autograph=False)()
