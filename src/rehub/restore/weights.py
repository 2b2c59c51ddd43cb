"""The values of a model's variables: where they are in its checkpoint, and how they are read while work goes on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from rehub import tf_internals

if TYPE_CHECKING:
    from types import TracebackType

_WORTH_A_THREAD = 8 << 20  # Less is read in hardly more time than it takes to have a thread do it.


def plain_variables(path: str, nodes: Sequence[Any]) -> dict[int, str] | None:
    """Returns the keys of all variables in the checkpoint by node id; None where more than those is to be restored.

    Args:
        path: the model's directory.
        nodes: those of its SavedObjectGraph.
    """
    wanted = {node_id for node_id, node in enumerate(nodes) if node.HasField("variable")}
    if any(
        node.registered_saver or (node.saveable_objects and node_id not in wanted) for node_id, node in enumerate(nodes)
    ):
        return None
    if not wanted:
        return {}
    checkpoint = tf_internals.variables.ObjectCheckpoint(tf_internals.variables.variables_prefix(path))
    keys: dict[int, str] = {}
    for node_id, attributes in checkpoint.matched(nodes).items():
        if node_id not in wanted or len(attributes) != 1 or attributes[0].name != "VARIABLE_VALUE":
            return None
        keys[node_id] = attributes[0].checkpoint_key
        if not checkpoint.fits(keys[node_id], nodes[node_id].variable):
            return None
    has_each_its_own = len(set(keys.values())) == len(keys) == len(wanted)
    return dict(sorted(keys.items())) if has_each_its_own else None


class Weights:
    """The values of variables: mapped, or read. Many are read by threads of their own, from when this is made.

    As a context manager, it does not end before its threads do.

    Args:
        path: the model's directory.
        variables: the SavedVariable messages, by their keys in the checkpoint.
        mapped: the values that need not be read, by the same keys.
    """

    def __init__(self, path: str, variables: Mapping[str, Any], mapped: Mapping[str, Any]) -> None:
        self._prefix = tf_internals.variables.variables_prefix(path)
        self._to_read = {key: variable for key, variable in variables.items() if key not in mapped}
        self._mapped = mapped
        shares = _shares(self._to_read)
        self._readers = ThreadPoolExecutor(len(shares)) if shares else None
        self._reading = [self._readers.submit(self._read, share) for share in shares] if self._readers else []

    def __enter__(self) -> Weights:  # noqa: PYI034  Python 3.7 has no Self.
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._readers is not None:
            self._readers.shutdown()

    def values(self) -> dict[str, Any]:
        """Returns the values by their keys, once all are read."""
        found = dict(self._mapped)
        for reading in self._reading:
            found.update(reading.result())
        if self._readers is None and self._to_read:
            found.update(self._read(list(self._to_read)))
        return found

    def _read(self, keys: list[str]) -> dict[str, Any]:
        values = tf_internals.variables.read_values(self._prefix, keys, [self._to_read[key].dtype for key in keys])
        return dict(zip(keys, values))


def _shares(variables: Mapping[str, Any]) -> list[list[str]]:
    """Parts the keys of variables into one for each thread, of about as many bytes each; none where that is too few."""
    sizes = {key: tf_internals.variables.variable_nbytes(variable) for key, variable in variables.items()}
    number = min(4, os.cpu_count() or 1, sum(sizes.values()) // _WORTH_A_THREAD)
    shares: list[list[str]] = [[] for _ in range(number)]
    filled = [0] * number
    for key in sorted(sizes, key=lambda key: -sizes[key]) if number else ():
        smallest = filled.index(min(filled))
        shares[smallest].append(key)
        filled[smallest] += sizes[key]
    return [share for share in shares if share]
