"""The values of a model's variables: where they are in its checkpoint, and reading them in the background."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from rehub import tf_internals

if TYPE_CHECKING:
    from types import TracebackType

_WORTH_A_THREAD = 8 << 20  # Reading less takes hardly longer than starting a thread for it.


def map_plain_variables(path: str, nodes: Sequence[Any]) -> dict[int, str] | None:
    """Return the checkpoint keys of all variables by node id; None if there is more to restore than variables.

    Args:
        nodes: the nodes of its SavedObjectGraph.
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
    for node_id, attributes in checkpoint.match_nodes(nodes).items():
        if node_id not in wanted or len(attributes) != 1 or attributes[0].name != "VARIABLE_VALUE":
            return None
        keys[node_id] = attributes[0].checkpoint_key
        if not checkpoint.has_value_for(keys[node_id], nodes[node_id].variable):
            return None
    keys_are_unique = len(set(keys.values())) == len(keys) == len(wanted)
    return dict(sorted(keys.items())) if keys_are_unique else None


class WeightReader:
    """Provides the values of variables, mapped or read. If they are large, threads start to read them at once.

    As a context manager, it waits for its threads.

    Args:
        variables: the SavedVariable messages, by their keys in the checkpoint.
        mapped: the values that are mapped, by the same keys.
    """

    def __init__(self, path: str, variables: Mapping[str, Any], mapped: Mapping[str, Any]) -> None:
        self._prefix = tf_internals.variables.variables_prefix(path)
        self._to_read = {key: variable for key, variable in variables.items() if key not in mapped}
        self._mapped = mapped
        shares = _split_keys(self._to_read)
        self._readers = ThreadPoolExecutor(len(shares)) if shares else None
        self._reading = [self._readers.submit(self._read_values, share) for share in shares] if self._readers else []

    def __enter__(self) -> WeightReader:  # noqa: PYI034  Python 3.7 has no Self.
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._readers is not None:
            self._readers.shutdown()

    def values(self) -> dict[str, Any]:
        """Return the values by their keys, once all are read."""
        found = dict(self._mapped)
        for reading in self._reading:
            found.update(reading.result())
        if self._readers is None and self._to_read:
            found.update(self._read_values(list(self._to_read)))
        return found

    def _read_values(self, keys: list[str]) -> dict[str, Any]:
        values = tf_internals.variables.read_values(self._prefix, keys, [self._to_read[key].dtype for key in keys])
        return dict(zip(keys, values))


def _split_keys(variables: Mapping[str, Any]) -> list[list[str]]:
    """Split the keys of variables into shares of about equal bytes, one a thread; none if threads are not worth it."""
    sizes = {key: tf_internals.variables.variable_nbytes(variable) for key, variable in variables.items()}
    number = min(4, os.cpu_count() or 1, sum(sizes.values()) // _WORTH_A_THREAD)
    shares: list[list[str]] = [[] for _ in range(number)]
    filled = [0] * number
    for key in sorted(sizes, key=lambda key: -sizes[key]) if number else ():
        smallest = filled.index(min(filled))
        shares[smallest].append(key)
        filled[smallest] += sizes[key]
    return [share for share in shares if share]
