"""Lookup tables of a module, and the files that they are filled from."""

from __future__ import annotations

import functools
from typing import Any, Callable

from rehub import tf_internals


def make_table(make: Callable[[], Any], fill: Callable[[Any], None], assets: list[Any]) -> Any:
    """Makes a table and fills it.

    Args:
        make: traces the op that makes the table; returns its handle.
        fill: traces, given the handle, the ops that fill the table.
        assets: the `tf.saved_model.Asset`s of the files that it is filled from.

    Returns:
        A `tf.saved_model.experimental.TrackableResource`: saved with an object that has it, its files included.
    """
    table = _table_class()(make, fill, assets)
    table.fill()
    return table


@functools.lru_cache(maxsize=None)
def _table_class() -> type:
    tf = tf_internals.import_tensorflow()

    class Table(tf_internals.objects.trackable_resource_class()):  # type: ignore[misc]
        """A table that ops of TF1 make and fill. The methods with an underscore are those that TensorFlow calls."""

        def __init__(self, make: Callable[[], Any], fill: Callable[[Any], None], assets: list[Any]) -> None:
            super().__init__()
            self._make = make
            self._fill = fill
            self.assets = assets

        def fill(self) -> None:
            """Makes the table, if there is none yet, and fills it."""
            self._fill_handle(self.resource_handle)

        # In functions of their own: run at once in eager mode, and part of the functions that TensorFlow saves.

        def _create_resource(self) -> Any:
            return tf.function(functools.partial(self._make), autograph=False)()

        def _initialize(self) -> None:
            self._fill_handle(self.resource_handle)

        def _fill_handle(self, handle: Any) -> None:
            tf.function(functools.partial(self._fill, handle), autograph=False)()

    return Table
